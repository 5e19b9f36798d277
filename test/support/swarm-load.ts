/** Load on the nodes of a swarm. */
import { type Load, type Report, startLoad } from '../../dev/load.ts'
import type { TestSwarm } from '../../dev/swarm.ts'

/** How many clients each node has. */
export const CLIENTS = 3

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
          parse: ({ body }) => /"version":"([^"]+)"/.exec(body)?.[1],
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
