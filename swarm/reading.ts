/** What the engine and the routers say, which every decision starts from. */
import type { Cluster } from './cluster.ts'
import type { StepContext, SwarmContext } from './context.ts'
import { swarmFaults } from './faults.ts'
import { type LiveState, liveState, lostNodes } from './live.ts'
import type { Records } from './records.ts'
import type { RouterStates } from './router/control.ts'
import { unreached, until } from './waiting.ts'

export interface Reading {
  readonly cluster: Cluster
  readonly records: Records
  readonly states: RouterStates
}

type ReadingContext = Pick<SwarmContext, 'app' | 'host' | 'cluster' | 'control'>

/** @throws SWARM_NOT_SET_UP, and the faults of the engine and of the connection to the routers */
export async function readSwarm({ app, host, ...context }: ReadingContext): Promise<Reading> {
  const cluster = await context.cluster()
  const { records } = cluster
  if (!records || !cluster.router) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
  return { cluster, records, states: await (await context.control(cluster)).states() }
}

/** @throws SWITCH_UNFINISHED, ROUTES_DIFFER, and as `readSwarm` */
export async function readLive(context: ReadingContext & Pick<SwarmContext, 'slots'>): Promise<LiveState> {
  const { cluster, records, states } = await readSwarm(context)
  return liveState(context.slots, cluster, records, states)
}

/** Milliseconds that the routers get to reach the tasks of a slot: that of a node which has just come back knows none of them yet. */
const REACHING = 15_000

/** Reads anew until each router reaches all tasks of a slot, for a while. The caller decides what to make of those that do not. */
export async function onceReached(context: StepContext, first: LiveState, slot: string): Promise<LiveState> {
  const { signal, log } = context
  let now = first
  const missing = () => unreached(now.cluster, now.states, slot, now.cluster.slots.get(slot)?.replicas ?? 0)
  // A node that is lost does not come back within that time, and a slot that is live needs nothing.
  if (first.live === slot || lostNodes(first.cluster).length > 0 || missing().length === 0) return first
  log(`waiting for the routers: ${missing().join(', ')}`)
  await until({ within: REACHING, signal }, async () => {
    now = await readLive(context)
    return missing().length === 0 || undefined
  })
  return now
}
