import type { Parts } from './context.ts'

export type TakeLock<S extends string> = ReturnType<typeof takeLock<S>>

/** Everything that changes a slot or the route needs it. It is let go when the run ends, however it ends. */
export const takeLock = <S extends string>({ task }: Parts<S>) =>
  task('Take the lock', { run: ({ lock }) => lock.take() })
