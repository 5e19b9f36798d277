/** Which slot is live: the records say it, and each router does what it was told. Pure. */
import { type Cluster, type Node, routerNodes } from './cluster.ts'
import { swarmFaults } from './faults.ts'
import { type Records, type Route, routeText } from './records.ts'
import type { RouterStates } from './router/control.ts'

export interface LiveState {
  readonly cluster: Cluster
  readonly records: Records
  readonly states: RouterStates
  readonly live: string | undefined
  /** The other slot; the first one if none is live. */
  readonly idle: string
}

export const idleOf = (slots: readonly string[], live: string | undefined): string =>
  (live === slots[0] ? slots[1] : slots[0]) ?? ''

/** The nodes that the manager has lost and that nobody has taken out. */
export const lostNodes = (cluster: Pick<Cluster, 'nodes'>): readonly Node[] =>
  routerNodes(cluster).filter(({ up }) => !up)

/** The routers that answered and have another slot than the records, with their routes. That of a node which was away may be of an earlier switch. */
export const differing = (states: RouterStates, recorded: Route | undefined): readonly (readonly [string, string])[] =>
  [...states].flatMap(([node, state]) =>
    state && state.route?.slot !== recorded?.slot ? [[node, routeText(state.route)] as const] : [],
  )

/**
 * What a change starts from.
 *
 * @throws SWITCH_UNFINISHED, ROUTES_DIFFER
 */
export function liveState(
  slots: readonly string[],
  cluster: Cluster,
  records: Records,
  states: RouterStates,
): LiveState {
  const { live, moving } = records
  if (moving) throw swarmFaults.SWITCH_UNFINISHED({ to: moving.to.slot, by: moving.by, at: moving.at })
  const others = differing(states, live)
  if (others.length > 0) throw swarmFaults.ROUTES_DIFFER({ recorded: routeText(live), routes: others })
  return { cluster, records, states, live: live?.slot, idle: idleOf(slots, live?.slot) }
}

/**
 * The nodes that may send requests to a slot that is not live: those whose router has it, and those whose router cannot be asked, if a switch was begun since
 * the records had this term.
 */
export const mayRouteTo = (
  { records, states }: Pick<LiveState, 'records' | 'states'>,
  slot: string,
  term: number,
): readonly string[] =>
  [...states].flatMap(([node, state]) => ((state ? state.route?.slot === slot : records.term > term) ? [node] : []))

/** Before a switch each router must answer. @throws NODE_DOWN, ROUTER_SILENT */
export function assertAllAnswer({ cluster, states }: Pick<LiveState, 'cluster' | 'states'>): void {
  const lost = lostNodes(cluster).map(({ name }) => name)
  if (lost.length > 0) throw swarmFaults.NODE_DOWN({ nodes: lost })
  const silent = [...states].flatMap(([node, state]) => (state ? [] : [node]))
  if (silent.length > 0) throw swarmFaults.ROUTER_SILENT({ nodes: silent })
}
