/** Load on the nodes of a swarm. */
import { type Load, type Report, startLoad } from '../../dev/load.ts'
import type { TestSwarm } from '../../dev/swarm.ts'

/** How many clients each node has. */
const CLIENTS = 3

/** What the engine cannot keep: the requests that were in flight to a task on a machine that died. */
export const inFlight = (nodes: readonly number[]): number => nodes.length * CLIENTS

/** Load on these nodes while `work` runs. */
export async function underLoadOf(
  swarm: Pick<TestSwarm, 'url'>,
  nodes: readonly number[],
  work: () => Promise<unknown>,
): Promise<readonly Report[]> {
  const loads: Load[] = []
  try {
    for (const node of nodes)
      loads.push(
        await startLoad({
          url: swarm.url(node),
          clients: { keepAlive: CLIENTS - 1, idle: 0, fresh: 1, post: 0, slow: 0, socket: 0 },
          pauseMs: { keepAlive: 20, fresh: 20 },
          maxSeconds: 600,
          parse: ({ body }) => /"version": ?"([^"]+)"/.exec(body)?.[1],
        }),
      )
    await work()
    const reports = await Promise.all(loads.map(load => load.stop()))
    const early = reports.find(({ endedBy }) => endedBy !== 'stop')
    if (early) throw new Error(`The load ended before the work, by ${early.endedBy}.`)
    return reports
  } finally {
    await Promise.all(loads.map(load => load[Symbol.asyncDispose]()))
  }
}

export const failedIn = (reports: readonly Report[]): number => reports.reduce((sum, { failed }) => sum + failed, 0)

export const sentIn = (reports: readonly Report[]): number => reports.reduce((sum, { sent }) => sum + sent, 0)

/** The versions that each node has served on fresh connections, in the order in which they came. */
export const seenIn = (reports: readonly Report[]): readonly (readonly string[])[] =>
  reports.map(({ kinds }) => kinds.fresh.seen.map(({ value }) => value))
