/** Watches a canary: asks each slot through the router, and compares what the router itself has counted, where it counts. */
import type { Deps } from '../deps.ts'
import { sum, type Tally } from '../promote/tally.ts'
import { parseRound, watching } from './ask.ts'
import { mustEnd, type Share } from './canary.ts'
import { canaryFaults, type Figures } from './canary-faults.ts'

export interface Watched {
  /** Our own requests. */
  readonly asked: Figures
  /** What the router has counted of all requests during the watch; undefined if it counts none. */
  readonly served: Figures | undefined
  /** Whether the canary has to be taken back. */
  readonly failing: boolean
}

interface WatchOptions {
  /** Milliseconds; undefined until the signal is aborted. */
  readonly duration: number | undefined
  readonly signal: AbortSignal
  /** Called now and then with what was seen so far. */
  onLook(figures: Figures): void
}

/** Seconds from one call of `onLook` to the next. */
const LOOK = 10

/**
 * Resolves when the time is over, or as soon as the canary fails more.
 *
 * @param begin what our requests of the proof have shown
 * @throws CANARY_UNWATCHED if the script ends by itself, and the signal's reason
 */
export async function watchShare(
  { host, router }: Pick<Deps, 'host' | 'router'>,
  { slot, live, paths }: Share,
  begin: Figures,
  { duration = Number.POSITIVE_INFINITY, signal, onLook }: WatchOptions,
): Promise<Watched> {
  const served = counter(() => (router.served ? host.query(router.served()) : undefined), slot, live)
  await served.look()
  let asked = begin
  let rounds = 0
  const end = performance.now() + duration
  const process = await host.spawn(watching(router, paths))
  const stop = () => void process[Symbol.asyncDispose]()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const line of process.lines) {
      const [ofCanary, ofLive] = parseRound(line)
      asked = { canary: sum(asked.canary, ofCanary), live: sum(asked.live, ofLive) }
      if (rounds++ % LOOK === 0) onLook(asked)
      await served.look()
      const figures = served.figures()
      const failing = mustEnd(asked) || (figures !== undefined && mustEnd(figures))
      if (failing || performance.now() >= end) return { asked, served: figures, failing }
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
  signal.throwIfAborted()
  throw canaryFaults.CANARY_UNWATCHED({ host: host.name, slot })
}

type Served = Readonly<Record<string, Tally>>

/** What the router has counted since the first look. */
function counter(read: () => Promise<Served> | undefined, canary: string, live: string) {
  let first: Served | undefined
  let last: Served | undefined
  const since = (slot: string): Tally => ({
    sent: (last?.[slot]?.sent ?? 0) - (first?.[slot]?.sent ?? 0),
    failed: (last?.[slot]?.failed ?? 0) - (first?.[slot]?.failed ?? 0),
  })
  return {
    async look() {
      last = await read()
      first ??= last
    },
    figures: (): Figures | undefined => (last ? { canary: since(canary), live: since(live) } : undefined),
  }
}
