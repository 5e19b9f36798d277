import { Fault } from '../../runner/fault.ts'
import { pluralize } from '../../slots/format.ts'
import { KEPT, prune } from '../../slots/upload/release.ts'
import type { TaskDeps } from '../context.ts'
import type { CheckIdle } from './check-idle.ts'
import type { StartIdle } from './start-idle.ts'

/** The new release is already running, so an error here is reported but does not fail the deploy. */
export const tidy = <S extends string>({ task }: TaskDeps<S>, startIdle: StartIdle<S>, checkIdle: CheckIdle<S>) =>
  task('Remove old releases', {
    needs: [startIdle, checkIdle],
    async run({ host, layout, runtime, early, dryRun, log, note }) {
      try {
        const output = (await early?.pruned) ?? (await host.capture(prune(layout, KEPT, runtime)))
        if (dryRun) return note('not known in a dry run')
        const removed = output.split('\n').filter(Boolean)
        for (const name of removed) log(`removed ${name}`)
        note(removed.length === 0 ? 'none' : `${pluralize(removed.length, 'old release')} removed, ${KEPT} kept`)
      } catch (error) {
        if (!(error instanceof Fault) || error.exitCode === 130) throw error
        note(`skipped: ${error.message}`)
      }
    },
  })
