import { arg } from '../../runner/cli/args.ts'
import type { TaskContext } from '../../runner/task.ts'
import type { LockWait } from '../../slots/lock/lock.ts'
import type { TaskDeps } from '../context.ts'

export type TakeLock<S extends string> = ReturnType<typeof takeLock<S>>

export const lockWait = arg.duration('How long to wait if another run holds the lock, such as 5m').optional()

/** The wait for --lock-wait. Logs the owner each time it changes. */
export const lockWaitOf = (
  wait: number | undefined,
  { log, signal }: Pick<TaskContext, 'log' | 'signal'>,
): LockWait => ({
  wait: wait ?? 0,
  signal,
  onWait: owner =>
    log(`Waiting for ${owner.by}, who has held the lock since ${owner.since}: ${owner.doing} (${owner.deploy}).`),
})

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
