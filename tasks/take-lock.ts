import { arg } from '../runner/args.ts'
import type { Parts } from './context.ts'

export type TakeLock<S extends string> = ReturnType<typeof takeLock<S>>

/** Everything that changes a slot or the route needs it. It is let go when the run ends, however it ends. */
export const takeLock = <S extends string>({ task }: Parts<S>) =>
  task('Take the lock', {
    args: { lockWait: arg.duration('How long to wait in line when somebody else is busy, such as 5m').optional() },
    run: ({ lock, lockWait, log, signal }) =>
      lock.take({
        wait: lockWait ?? 0,
        signal,
        onWait: owner => log(`Waiting for ${owner.by}, busy since ${owner.since}: ${owner.doing} (${owner.deploy}).`),
      }),
  })
