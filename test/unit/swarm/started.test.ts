/** How a setup learns that routers do not start. */
import { expect, it } from 'vitest'
import type { Cluster, Node, Task } from '../../../swarm/cluster.ts'
import type { StepContext } from '../../../swarm/context.ts'
import { routersAnswer } from '../../../swarm/router/started.ts'

const nodes = [1, 2].map(i => ({ id: `id${i}`, name: `n${i}`, up: true, availability: 'active' })) as unknown as Node[]
const task = (node: number, id: string, state: string, error?: string) =>
  ({ id, node: `id${node}`, state, wanted: state === 'running' || state === 'pending', error }) as Task
const runs = task(1, 'a', 'running')
const refused = (id: string) => task(2, id, 'rejected', 'No such image: haproxy:3.0.')

type Router = Partial<NonNullable<Cluster['router']>>
const clusterOf = (router: Router) =>
  ({ nodes, router: { paused: false, updating: false, ...router } }) as unknown as Cluster

/** The engine says these, one after the other; the last one is repeated. */
function contextOf(...routers: readonly Router[]): StepContext {
  let looks = 0
  return {
    signal: new AbortController().signal,
    log: () => {},
    cluster: async () => clusterOf(routers[Math.min(looks++, routers.length - 1)] ?? {}),
    control: async () => ({ states: async () => new Map(nodes.map(({ name }) => [name, {}])) }),
  } as unknown as StepContext
}
const none = clusterOf({ tasks: [] })

it('a router whose image a node cannot get is told with the node and the reason, without the whole wait', async () => {
  const tasks = [refused('d'), refused('c'), refused('b'), runs]
  await expect(routersAnswer(contextOf({ tasks }), none)).rejects.toMatchObject({
    code: 'ROUTERS_NOT_STARTED',
    message: 'The router does not start on n2 (No such image: haproxy:3.0).',
  })
})

it('an update that the engine has given up is an error at once', async () => {
  const tasks = [task(2, 'b', 'failed', 'task: non-zero exit (1)'), runs]
  await expect(routersAnswer(contextOf({ tasks, paused: true }), none)).rejects.toMatchObject({
    message: 'The router does not start on n2 (task: non-zero exit (1)), so the engine replaces no other one.',
  })
})

it('what failed before the setup does not count', async () => {
  const before = [refused('d'), refused('c'), refused('b'), runs]
  const context = contextOf({ tasks: before }, { tasks: before }, { tasks: [task(2, 'e', 'running'), ...before] })
  expect((await routersAnswer(context, clusterOf({ tasks: before }))).router?.tasks[0]?.id).toBe('e')
})
