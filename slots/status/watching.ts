/** The loop of `watch`, which goes on over outages, and its arguments. */
import { setTimeout as sleep } from 'node:timers/promises'
import { arg } from '../../runner/cli/args.ts'
import { isFault } from '../../runner/fault.ts'
import type { TaskContext } from '../../runner/task.ts'

/** Default of --every, in milliseconds. */
const EVERY = 2_000
const LEAST = 500

export const watchArguments = {
  every: arg.duration(`How long to wait between two looks (default ${EVERY / 1000}s)`).optional(),
  for: arg.duration('How long to watch, such as 5m (default: until Ctrl-C)').optional(),
}

interface Watching<T> extends Pick<TaskContext, 'signal' | 'print'> {
  readonly every?: number | undefined
  /** Milliseconds; undefined until the run is interrupted. */
  readonly limit: number | undefined
  look(): Promise<T>
  /** Prints what has changed since the last look, or all after an outage. */
  show(now: T, before: T | undefined): void
  /** The codes of the faults that are an outage. */
  readonly outages: ReadonlySet<string>
}

export async function watching<T>(options: Watching<T>): Promise<void> {
  const { signal, print, limit, outages } = options
  const pause = Math.max(options.every ?? EVERY, LEAST)
  const end = limit === undefined ? Number.POSITIVE_INFINITY : performance.now() + limit
  let before: T | undefined
  let lost = false
  while (!signal.aborted) {
    try {
      const now = await options.look()
      options.show(now, lost ? undefined : before)
      before = now
      lost = false
    } catch (error) {
      if (signal.aborted) return
      // The first look must succeed: a wrong name of the host is no outage.
      if (before === undefined || !isFault(error) || !outages.has(error.code)) throw error
      if (!lost) print(error.message, { to: 'stderr', data: { code: error.code } })
      lost = true
    }
    if (performance.now() + pause > end) return
    await sleep(pause, undefined, { signal }).catch(() => undefined)
  }
}
