/** A task of a swarm that is lost while requests wait for its answer. */
import { request } from 'node:http'
import { expect } from 'vitest'
import { onEach, type SwarmRun } from './swarm-run.ts'

/** Requests of each kind, enough for each task to get some of both. */
const EACH = 12

interface Answered {
  /** The statuses of the requests, 0 without an answer. */
  readonly gets: readonly number[]
  readonly posts: readonly number[]
  /** Milliseconds from the loss to the last answer. */
  readonly ms: number
}

/** Where a task is, and its container. */
export interface Place {
  readonly node: number
  readonly container: string
  /** It answers again. */
  goOn(): Promise<unknown>
}

/**
 * Sends requests through n1 while one task of the live slot, on another node, accepts connections and answers nothing; and then does something to it.
 *
 * @param lose runs once the other task has answered its share of the requests
 */
export async function askWhile(run: SwarmRun, lose: (place: Place) => Promise<unknown>): Promise<Answered> {
  const { swarm } = run
  // The engine spreads new tasks over the nodes.
  const { slot, version } = await run.prepared()
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
  const { slots } = await run.status()
  const tasks = slots.find(known => known.slot === slot)?.tasks ?? []
  const node = Number(tasks.find(task => task.node !== 'n1')?.node.slice(1))
  const container = await swarm.exec(
    node,
    `docker ps --quiet --filter label=com.docker.swarm.service.name=life_${slot} | head -n 1`,
  )
  const signal = (name: 'STOP' | 'CONT') =>
    swarm.exec(node, `pkill -${name} -P "$(docker inspect --format '{{.State.Pid}}' ${container.trim()})"`)
  await signal('STOP')
  let answered = 0
  const ask = (method: string) =>
    Promise.all(
      Array.from({ length: EACH }, async () => {
        const status = await statusOf(swarm.url(1), method)
        answered += 1
        return status
      }),
    )
  const asking = Promise.all([ask('GET'), ask('POST')])
  await expect.poll(() => answered).toBeGreaterThanOrEqual(EACH)
  const lost = performance.now()
  await lose({ node, container: container.trim(), goOn: () => signal('CONT') })
  const [gets, posts] = await asking
  return { gets, posts, ms: Math.round(performance.now() - lost) }
}

/** On a connection of its own. */
const statusOf = (url: string, method: string): Promise<number> =>
  new Promise(resolve => {
    const asking = request(url, { method, agent: false, timeout: 60_000 }, response => {
      resolve(response.statusCode ?? 0)
      response.resume()
    })
    asking
      .on('timeout', () => asking.destroy())
      .on('error', () => resolve(0))
      .end()
  })
