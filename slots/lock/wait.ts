/** The argument that says how long a run waits for the lock. */
import { arg } from '../../runner/cli/args.ts'
import type { TaskContext } from '../../runner/task.ts'
import type { LockWait } from './lock.ts'

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
