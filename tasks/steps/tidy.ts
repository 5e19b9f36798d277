import { Fault } from '../../runner/fault.ts'
import { pluralize } from '../../slots/format.ts'
import { KEPT, prune } from '../../slots/upload/release.ts'
import type { TaskDeps } from '../context.ts'
import type { CheckIdle } from './check-idle.ts'
import type { StartIdle } from './start-idle.ts'

/** The new release runs by now: what goes wrong here is said, and is no failure. */
export const tidy = <S extends string>({ task }: TaskDeps<S>, startIdle: StartIdle<S>, checkIdle: CheckIdle<S>) =>
  task('Remove old releases', {
    needs: [startIdle, checkIdle],
    async run({ host, layout, early, dryRun, log, note }) {
      try {
        const said = (await early?.pruned) ?? (await host.capture(prune(layout)))
        if (dryRun) return note('not known in a dry run')
        const removed = said.split('\n').filter(Boolean)
        for (const name of removed) log(`removed ${name}`)
        note(removed.length === 0 ? 'none' : `${pluralize(removed.length, 'old release')} removed, ${KEPT} kept`)
      } catch (error) {
        if (!(error instanceof Fault) || error.exitCode === 130) throw error
        note(`left as it is: ${error.message}`)
      }
    },
  })
