import { Fault } from '../runner/faults.ts'
import { prune } from '../slots/upload/release.ts'
import { counted } from '../slots/words.ts'
import type { CheckIdle } from './check-idle.ts'
import type { Parts } from './context.ts'

/** Releases that stay on a host; those that a slot runs stay as well. */
const KEPT = 5

/** The deploy is done by now: what goes wrong here is said, and is no failure. */
export const tidy = <S extends string>({ task }: Parts<S>, checkIdle: CheckIdle<S>) =>
  task('Remove old releases', {
    needs: [checkIdle],
    async run({ host, layout, log, note }) {
      try {
        const removed = (await host.ask(prune(layout, KEPT))).split('\n').filter(Boolean)
        for (const name of removed) log(`removed ${name}`)
        note(removed.length === 0 ? 'none' : `${counted(removed.length, 'old release')} removed, ${KEPT} kept`)
      } catch (error) {
        if (!(error instanceof Fault) || error.exit === 130) throw error
        note(`left as it is: ${error.message}`)
      }
    },
  })
