/** The load on the site of a throw-away host, and what it measured. */
import { type Load, type Report, startLoad } from '../dev/load.ts'
import type { Measured } from '../vagrant/summary.ts'

export interface Site {
  /** Where it answers on this machine. */
  readonly url: string
  /** Its host name, for the requests. */
  readonly host: string
  readonly path: string
}

/** Milliseconds of load before and after a switch. */
const AROUND = 1_000
const NO_CLIENTS = { keepAlive: 0, idle: 0, post: 0, fresh: 0, slow: 0, socket: 0 }

/** Two loads: on the application, and on the router, which tells the slot. As for the probes of a promote, an answer below 500 is none of the switch's. */
async function startLoads({ url, host, path }: Site): Promise<readonly [Load, Load]> {
  const both = { url, host, maxSeconds: 600, highest: 499 }
  return Promise.all([
    startLoad({ ...both, paths: { get: path }, clients: { ...NO_CLIENTS, keepAlive: 4, idle: 2, fresh: 2 } }),
    startLoad({ ...both, paths: { get: '/deployment_id' }, clients: { ...NO_CLIENTS, fresh: 1 } }),
  ])
}

/** The report on the application, with the slots that the router told on fresh connections. */
const joined = (application: Report, router: Report): Report => ({
  ...application,
  sent: application.sent + router.sent,
  ok: application.ok + router.ok,
  failed: application.failed + router.failed,
  kinds: {
    ...application.kinds,
    fresh: { ...application.kinds.fresh, seen: router.kinds.fresh.seen },
    // This kind has no clients here: it counts the requests to the router.
    slow: router.kinds.fresh,
  },
})

/** Runs `work` under load on each of these sites. Resolves to what was measured, in their order. */
export async function underLoad(
  sites: readonly Site[],
  work: () => Promise<number>,
  signal: AbortSignal,
): Promise<readonly Measured[]> {
  const loads = await Promise.all(sites.map(startLoads))
  try {
    await pause(signal)
    const took = await work()
    await pause(signal)
    return await Promise.all(
      loads.map(async ([application, router]) => ({
        report: joined(await application.stop(), await router.stop()),
        sockets: 0,
        took,
      })),
    )
  } finally {
    await Promise.all(loads.flat().map(load => load[Symbol.asyncDispose]()))
  }
}

const pause = (signal: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    signal.throwIfAborted()
    const timer = setTimeout(resolve, AROUND)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
  })
