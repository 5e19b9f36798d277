/** The status of a swarm: its nodes with the routes of their routers, and the slots with their tasks. Pure. */
import { table, wrapped } from '../runner/output/table.ts'
import { pluralize } from '../slots/format.ts'
import { type Cluster, running } from './cluster.ts'
import { differing, lostNodes } from './live.ts'
import { type Moving, type Route, routeText } from './records.ts'
import type { RouterStates } from './router/control.ts'

export interface SwarmStatus {
  readonly manager: string
  /** null if no slot is live. */
  readonly live: string | null
  readonly generation: string | null
  /** Whether all routers answer and have the route of the records. */
  readonly agreed: boolean
  /** A switch that was begun and did not end. */
  readonly moving: Moving | null
  readonly nodes: readonly NodeStatus[]
  readonly slots: readonly SlotStatus[]
}

export interface NodeStatus {
  readonly node: string
  readonly address: string
  readonly role: 'leader' | 'manager' | 'worker'
  readonly state: 'ready' | 'down' | 'drained' | 'paused'
  /** The slot and the generation of its router; null if it does not answer or has none. */
  readonly route: Route | null
  readonly router: 'answers' | 'silent' | 'none'
  /** How many tasks of the live slot its router reaches; null if it does not answer, or if no slot is live. */
  readonly reaches: number | null
}

export interface SlotStatus {
  readonly slot: string
  readonly live: boolean
  readonly release: string | null
  readonly image: string | null
  readonly running: number
  readonly replicas: number
  readonly tasks: readonly {
    readonly node: string
    readonly state: string
    readonly since: string
    readonly error: string | null
  }[]
}

export function statusOf(
  manager: string,
  slots: readonly string[],
  cluster: Cluster,
  states: RouterStates,
): SwarmStatus {
  const { records, nodes } = cluster
  const live = records?.live
  const silent = [...states.values()].some(state => state === undefined)
  return {
    manager,
    live: live?.slot ?? null,
    generation: live?.generation ?? null,
    agreed: !silent && !records?.moving && lostNodes(cluster).length === 0 && differing(states, live).length === 0,
    moving: records?.moving ?? null,
    nodes: nodes.map(({ name, address, manager: isManager, leader, up, availability }) => {
      const state = states.get(name)
      return {
        node: name,
        address,
        role: leader ? 'leader' : isManager ? 'manager' : 'worker',
        state: !up ? 'down' : availability === 'drain' ? 'drained' : availability === 'pause' ? 'paused' : 'ready',
        route: state?.route ?? null,
        router: state ? 'answers' : states.has(name) ? 'silent' : 'none',
        reaches: state && live ? (state.up[live.slot] ?? 0) : null,
      }
    }),
    slots: slots.map(slot => {
      const service = cluster.slots.get(slot)
      const wanted = service?.tasks.filter(task => task.wanted) ?? []
      return {
        slot,
        live: live?.slot === slot,
        release: service?.release ?? null,
        image: service?.image ?? null,
        running: running(wanted).length,
        replicas: service?.replicas ?? 0,
        tasks: wanted.map(({ node, state, since, error }) => ({
          node: nodes.find(({ id }) => id === node)?.name ?? '',
          state,
          since,
          error: error ?? null,
        })),
      }
    }),
  }
}

const SLOT_HEAD = ['slot', 'live', 'release', 'tasks', 'on']
const NODE_HEAD = ['node', 'role', 'state', 'address', 'router', 'reaches']

/** @param bold marks what is not as the records say: the route of a node's router, and the tasks of a slot */
export function swarmTable(
  status: SwarmStatus,
  columns?: number,
  bold: (text: string) => string = text => text,
): string {
  const slots = status.slots.map(({ slot, live, release, running, replicas, tasks }) => [
    slot,
    live ? 'live' : '',
    release ?? '-',
    release === null ? '-' : `${running} of ${replicas}`,
    tasks
      .map(({ node, state }) => (state === 'running' ? node : `${node || '?'} ${state}`))
      .sort()
      .join(' ') || '-',
  ])
  const nodes = status.nodes.map(({ node, role, state, address, route, router, reaches }) => [
    node,
    role,
    state,
    address,
    router === 'answers' ? (route ? `${route.slot} ${route.generation}` : 'no slot') : router,
    reaches === null ? '-' : pluralize(reaches, 'task'),
  ])
  return [
    table(slots, { columns, head: SLOT_HEAD, style: marked(bold, 'tasks', SLOT_HEAD, status.slots.map(lacksTasks)) }),
    '',
    table(nodes, {
      columns,
      head: NODE_HEAD,
      style: marked(
        bold,
        'router',
        NODE_HEAD,
        status.nodes.map(node => isElsewhere(node, status)),
      ),
    }),
    '',
    ...wrapped(verdict(status), columns),
  ].join('\n')
}

const lacksTasks = ({ release, running, replicas }: SlotStatus): boolean => release !== null && running < replicas

/** Whether the router of a node that serves has another route than that of the records, or does not answer. */
const isElsewhere = ({ router, route, state }: NodeStatus, { live, generation }: SwarmStatus): boolean =>
  state !== 'drained' &&
  (router !== 'answers' || (route?.slot ?? null) !== live || (route?.generation ?? null) !== generation)

/** Makes the cells of a column bold in the rows for which that is said. */
const marked =
  (bold: (text: string) => string, name: string, head: readonly string[], rows: readonly boolean[]) =>
  (cell: string, row: number, column: number): string =>
    rows[row] && head[column] === name ? bold(cell) : cell

/** Whether all routers agree with the records, in a sentence. */
export function verdict({ agreed, live, generation, moving, nodes }: SwarmStatus): string {
  const recorded = routeText(live === null || generation === null ? undefined : { slot: live, generation })
  if (moving) return `The switch to ${moving.to.slot} that ${moving.by} began at ${moving.at} did not end.`
  if (agreed) return `All routers agree with the records: ${live ?? 'no slot is live'}.`
  const others = nodes.filter(
    ({ router, route, state }) => state !== 'drained' && (router !== 'answers' || (route?.slot ?? null) !== live),
  )
  return `The records say ${recorded}. Not so: ${others.map(({ node, state, router, route }) => `${node} (${state === 'down' ? 'down' : router === 'answers' ? routeText(route ?? undefined) : 'silent'})`).join(', ')}.`
}
