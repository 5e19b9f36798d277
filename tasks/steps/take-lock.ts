import { arg } from '../../runner/cli/args.ts'
import type { TaskContext } from '../../runner/task.ts'
import type { LockWait } from '../../slots/lock/lock.ts'
import type { TaskDeps } from '../context.ts'

export type TakeLock<S extends string> = ReturnType<typeof takeLock<S>>

export const lockWait = arg.duration('How long to wait in line when somebody else is busy, such as 5m').optional()

/** As --lock-wait says; each time that it is somebody else who is waited for, that is said. */
export const inLine = (wait: number | undefined, { log, signal }: Pick<TaskContext, 'log' | 'signal'>): LockWait => ({
  wait: wait ?? 0,
  signal,
  onWait: owner => log(`Waiting for ${owner.by}, busy since ${owner.since}: ${owner.doing} (${owner.deploy}).`),
})

/** Everything that changes a slot or the route needs it. It is let go when the run ends, however it ends. */
export const takeLock = <S extends string>({ task }: TaskDeps<S>) =>
  task('Take the lock', {
    args: { lockWait },
    async run({ lock, lockWait, ...kit }) {
      await lock.take(inLine(lockWait, kit))
      if (kit.dryRun) kit.note('not taken in a dry run')
    },
  })
