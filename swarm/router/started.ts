/** Waits for the routers that a setup has created or replaced, and tells early why they will not come. */
import { type Cluster, type Node, routerNodes } from '../cluster.ts'
import type { StepContext } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { FAILURES, failedOf, reasonOf, until } from '../waiting.ts'

/** Milliseconds that the routers may take to come up, with the download of their image; and each of them to be replaced, with the end of its connections. */
const WITHIN = 180_000
const EACH = 40_000

/** The machines that should have a running router and have none. */
export const routerless = (cluster: Pick<Cluster, 'nodes' | 'router'>): readonly Node[] =>
  routerNodes(cluster).filter(
    ({ id, up }) =>
      up && !cluster.router?.tasks.some(({ node, wanted, state }) => node === id && wanted && state === 'running'),
  )

/** Why the engine cannot start the router of a node, by the nodes of which it is known. The newest task of a node tells. */
export const unstarted = (cluster: Pick<Cluster, 'nodes' | 'router'>): readonly (readonly [string, string])[] =>
  routerless(cluster).flatMap(({ id, name }) => {
    const found = cluster.router?.tasks.find(({ node, error }) => node === id && error !== undefined)
    return found ? [[name, reasonOf(found)] as const] : []
  })

/** Whether the engine has given up, or has tried as often as it is worth. */
function isHopeless(cluster: Cluster, known: ReadonlySet<string>): boolean {
  const failed = failedOf(cluster.router?.tasks ?? []).filter(({ id }) => !known.has(id))
  return (
    cluster.router?.paused === true ||
    routerless(cluster).some(({ id }) => failed.filter(({ node }) => node === id).length >= FAILURES)
  )
}

/**
 * Waits until the router of each node answers that the manager hears of.
 *
 * @param before what the engine said before it got the routers: it remembers tasks that failed then
 * @throws ROUTERS_NOT_STARTED, ROUTER_SILENT
 */
export async function routersAnswer(context: StepContext, before: Pick<Cluster, 'router'>): Promise<Cluster> {
  const { signal, log } = context
  const known = new Set(failedOf(before.router?.tasks ?? []).map(({ id }) => id))
  let cluster = await context.cluster()
  let silent: readonly string[] = []
  const found = await until({ within: WITHIN + cluster.nodes.length * EACH, signal }, async () => {
    cluster = await context.cluster()
    if (isHopeless(cluster, known)) return false
    const { router } = cluster
    const coming = router?.tasks.filter(({ wanted, state }) => wanted && state !== 'running') ?? []
    silent = routerless(cluster).map(({ name }) => name)
    if (silent.length > 0 || router?.updating || coming.length > 0) {
      log(`waiting for the routers${silent.length > 0 ? ` of ${silent.join(', ')}` : ''}`)
      return undefined
    }
    const states = await (await context.control(cluster)).states()
    silent = [...states].flatMap(([name, state]) =>
      state || cluster.nodes.find(node => node.name === name)?.up === false ? [] : [name],
    )
    return silent.length > 0 ? undefined : true
  })
  if (found) return cluster
  const nodes = unstarted(cluster)
  if (nodes.length > 0 || cluster.router?.paused)
    throw swarmFaults.ROUTERS_NOT_STARTED({ nodes, paused: cluster.router?.paused === true })
  throw swarmFaults.ROUTER_SILENT({ nodes: silent.length > 0 ? silent : routerNodes(cluster).map(({ name }) => name) })
}
