import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import type { TaskDeps } from '../context.ts'

export type TakeLock<S extends string> = ReturnType<typeof takeLock<S>>

/** Required by every step that changes a slot or the route. The lock is released when the run ends, for whatever reason. */
export const takeLock = <S extends string>({ task }: TaskDeps<S>) =>
  task('Take the lock', {
    args: { lockWait },
    changes: true,
    async run({ lock, lockWait, ...context }) {
      await lock.take(lockWaitOf(lockWait, context))
      if (context.dryRun) context.note('not taken in a dry run')
    },
  })
