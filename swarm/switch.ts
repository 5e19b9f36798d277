/** The switch of all routers: planned, done, and taken back. */
import type { Figures } from '../slots/model.ts'
import { type Cluster, type Node, routerNodes, running, type SlotService } from './cluster.ts'
import type { StepContext } from './context.ts'
import { swarmFaults } from './faults.ts'
import { assertAllAnswer, type LiveState } from './live.ts'
import { journaled, nextRoute, type Records, type Route, routeText, writeRecords } from './records.ts'
import type { Control, RouterStates } from './router/control.ts'
import { siteOf, unverified, verifying } from './router/verify.ts'
import { unreached } from './waiting.ts'

export interface SwarmSwitch {
  readonly to: Route
  readonly from: Route | undefined
  readonly service: SlotService
  /** The version that the routers served before. */
  readonly versionBefore: string | undefined
  readonly nodes: readonly Node[]
  records: Records
  /** Set before the switch is recorded, which is before the first router is told. */
  attempted: boolean
}

/**
 * Checks a slot for the traffic. Resolves to undefined if it is live already.
 *
 * @throws NODE_DOWN, ROUTER_SILENT, SLOT_NOT_READY
 */
export function planSwitch(state: LiveState, slot: string, deploy: string): SwarmSwitch | undefined {
  const { cluster, records, states, live } = state
  if (live === slot) return undefined
  assertAllAnswer(state)
  const service = cluster.slots.get(slot)
  if (!service) throw swarmFaults.SLOT_NOT_READY({ slot, seen: 'nothing was ever deployed to it' })
  const count = running(service.tasks).length
  if (service.replicas === 0) throw swarmFaults.SLOT_NOT_READY({ slot, seen: 'it has no tasks' })
  if (count < service.replicas)
    throw swarmFaults.SLOT_NOT_READY({ slot, seen: `${count} of ${service.replicas} tasks run` })
  const missing = unreached(cluster, states, slot, service.replicas)
  if (missing.length > 0) throw swarmFaults.SLOT_NOT_READY({ slot, seen: missing.join(', ') })
  return {
    to: nextRoute(records, slot, deploy),
    from: records.live,
    service,
    versionBefore: live === undefined ? undefined : cluster.slots.get(live)?.version,
    nodes: routerNodes(cluster),
    records,
    attempted: false,
  }
}

/** The nodes whose router does not have a route. */
export const notMoved = (states: RouterStates, route: string): readonly string[] =>
  [...states].flatMap(([node, state]) => (state && routeText(state.route) === route ? [] : [node]))

/**
 * Records that a switch has begun. The records are the fence: whoever wrote them first goes on alone.
 *
 * @throws RECORDS_CHANGED
 */
export async function beginSwitch(context: StepContext, move: SwarmSwitch): Promise<void> {
  const { to, from, records } = move
  const moving = { to, ...(from && { from }), by: context.deploy.by, at: new Date().toISOString() }
  // The answer to the change may be lost.
  move.attempted = true
  move.records = (await write(context, { ...records, term: records.term + 1, moving })).records
}

/**
 * Tells all routers at once.
 *
 * @throws NODES_NOT_MOVED
 */
export async function moveAll(control: Control, { to }: SwarmSwitch): Promise<void> {
  const nodes = notMoved(await control.move(routeText(to)), routeText(to))
  if (nodes.length > 0) throw swarmFaults.NODES_NOT_MOVED({ slot: to.slot, nodes })
}

/** @throws NODES_UNVERIFIED */
export async function verifyAll(context: StepContext, { to, nodes, service }: SwarmSwitch): Promise<string> {
  const found = await context.host.query(verifying(nodes, to, siteOf(context)))
  const bad = unverified(found, { field: context.health.version, expected: service.version })
  if (bad.length > 0) throw swarmFaults.NODES_UNVERIFIED({ slot: to.slot, nodes: bad })
  const requests = [...found.values()].reduce((sum, { requests = 0 }) => sum + requests, 0)
  return `${nodes.length} nodes answered with ${to.slot} and ${service.version}, ${requests} requests`
}

/** Records that the slot is live, and what was measured. */
export async function completeSwitch(context: StepContext, move: SwarmSwitch, figures?: Figures): Promise<void> {
  const { to, from, service, records } = move
  const next = journaled(records, context.deploy, {
    event: 'promote',
    slot: to.slot,
    from: from?.slot,
    release: service.release,
    result: 'done',
    figures,
  })
  await write(context, {
    ...next,
    live: to,
    moving: undefined,
    promoted: { ...records.promoted, [to.slot]: service.release },
  })
}

/** Whether the records have this switch, begun or completed: it may never have been recorded, and another run may have taken over since. */
export const isRecorded = ({ live, moving }: Records, { to }: Pick<SwarmSwitch, 'to'>): boolean =>
  [live, moving?.to].some(route => route?.generation === to.generation)

/** Where all routers go back to, and what is recorded about it. */
interface WayBack extends Pick<SwarmSwitch, 'from' | 'to' | 'nodes' | 'records'> {
  readonly release: string | undefined
  readonly event: 'promote' | 'repair'
}

/**
 * Moves all routers back, whatever they have now, and verifies that. The way back has a term of its own, the highest: so a router that was away takes it. The term
 * is recorded before the first router is told, as that of a switch: a run that was overtaken is refused there.
 *
 * @throws RECORDS_CHANGED, OVERTAKEN; NODES_IN_DOUBT with the nodes that cannot be told
 */
export async function revertSwitch(context: StepContext, move: WayBack): Promise<void> {
  const { from, to, release, nodes, event } = move
  // Whatever this run wrote last.
  const last = (await context.cluster()).records ?? move.records
  const back = nextRoute(last, from?.slot ?? 'none', context.deploy.id)
  const { records, cluster } = await write(context, { ...last, term: last.term + 1 })
  const control = await context.control(cluster)
  const silent = notMovedTo(await control.move(routeText(back)), back)
  const reached = nodes.filter(({ name }) => !silent.includes(name))
  const found = from ? await context.host.query(verifying(reached, back, siteOf(context))) : new Map()
  const wrong = [...found].flatMap(([node, { requests }]) => (requests === undefined ? [node] : []))
  const doubt = [...silent, ...wrong]
  await write(context, {
    ...journaled(records, context.deploy, {
      event,
      ...(event === 'promote' ? { slot: to.slot, from: from?.slot } : { slot: from?.slot ?? '' }),
      release,
      result: event === 'promote' ? 'undone' : 'done',
      why: doubt.length > 0 ? `in doubt: ${doubt.join(', ')}` : undefined,
    }),
    live: from && back,
    moving: undefined,
  })
  if (doubt.length > 0) throw swarmFaults.NODES_IN_DOUBT({ slot: to.slot, nodes: doubt })
}

/** As `notMoved`, for a way back that may lead to no slot. */
const notMovedTo = (states: RouterStates, route: Route): readonly string[] =>
  [...states].flatMap(([node, state]) => {
    if (!state) return [node]
    return (state.route?.slot ?? 'none') === route.slot ? [] : [node]
  })

/** Writes the records, and reads the version that they have then. */
async function write(context: StepContext, records: Records): Promise<{ records: Records; cluster: Cluster }> {
  await context.host.query(writeRecords(context.app, records))
  const cluster = await context.cluster()
  return { records: cluster.records ?? records, cluster }
}
