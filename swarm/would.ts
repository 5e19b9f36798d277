/** What a setup and a deploy would do, in sentences without a subject, as those of a project on hosts. Pure. */
import { listed } from '../runner/units.ts'
import { pluralize } from '../slots/format.ts'
import { type Cluster, routerNodes, type SlotService } from './cluster.ts'
import type { AnySwarmDefinition } from './definition.ts'
import { namesOf } from './names.ts'
import { missingNetworks, type RouterPlan } from './router/router-service.ts'

interface PlannedSetup {
  readonly app: string
  readonly before: Pick<Cluster, 'nodes' | 'networks' | 'configs' | 'records' | 'router'>
  readonly plan: Pick<RouterPlan, 'digest' | 'image' | 'port'>
}

/** Empty if nothing would change. */
export function setupSentences({ app, before, plan }: PlannedSetup): readonly string[] {
  const { lock, records } = namesOf(app)
  const networks = missingNetworks(app, before.networks)
  const objects = [
    ...(before.configs.includes(lock) ? [] : [`${lock} for the lock`]),
    ...(before.records ? [] : [`${records} for the records`]),
  ]
  const nodes = listed(namesOfUp(before))
  const routers = before.router
    ? `replace the router of ${nodes} by one from ${plan.image} on port ${plan.port}, one node after the other: each answers nothing for a second or two, or until its WebSockets have ended, at most 30 s`
    : `start a router from ${plan.image} on port ${plan.port} of ${nodes}`
  const changed = before.router?.spec !== plan.digest || before.router.paused
  return [
    ...(networks.length > 0 ? [`create the ${networks.length > 1 ? 'networks' : 'network'} ${listed(networks)}`] : []),
    ...(objects.length > 0 ? [`create ${listed(objects)}`] : []),
    ...(changed ? [routers, 'wait until each router answers'] : []),
  ]
}

interface PlannedDeploy {
  readonly definition: Pick<AnySwarmDefinition, 'image' | 'registry'>
  /** The version that is built, or that of the image that a registry has. */
  readonly version: string
  readonly cluster: Pick<Cluster, 'here' | 'nodes' | 'slots'>
  readonly idle: string
  readonly live: string | undefined
  /** How many tasks the idle slot gets. */
  readonly replicas: number
  /** How many variables they get. */
  readonly variables: number
  readonly health: { readonly path: string; readonly within: number }
  readonly migrate: boolean
  readonly promote: boolean
  /** Whether the site is probed while the traffic moves. */
  readonly probes: boolean
}

export function deploySentences(planned: PlannedDeploy): readonly string[] {
  const { version, cluster, idle, live, replicas, variables, health, migrate, promote } = planned
  return [
    imageSentence(planned),
    idleSentence(cluster.slots.get(idle), idle),
    `start ${pluralize(replicas, 'task')} of ${version} in ${idle}, with ${pluralize(variables, 'variable')}`,
    `wait until all of them run and every router gets status 200 from each for ${health.path}, at most ${health.within / 1000} s, or end them again`,
    ...(migrate ? ['run the migrations of the release, in a task of their own'] : []),
    promote ? promoteSentence(planned) : `leave the traffic ${live ? `with ${live}` : 'alone: no slot is live'}`,
  ]
}

function idleSentence(before: SlotService | undefined, idle: string): string {
  if (!before) return `use ${idle}, which has no release yet`
  const { release, replicas } = before
  // None are left of a deploy that failed.
  return replicas === 0
    ? `replace ${release} in ${idle}, which has no tasks`
    : `end the ${pluralize(replicas, 'task')} of ${release} in ${idle}`
}

function imageSentence({ definition: { image, registry }, version, cluster }: PlannedDeploy): string {
  if (!('create' in image)) return `use ${image.name}, which a registry has`
  if (registry === undefined) return `build ${version}, and send ${listed(targets(cluster))} the layers that each lacks`
  const manager = cluster.nodes.find(({ id }) => id === cluster.here)?.name ?? 'the manager'
  return `build ${version}, and send ${manager} the layers that it lacks; ${manager} pushes the image to ${registry}`
}

function promoteSentence({ live, idle, cluster, probes }: PlannedDeploy): string {
  const moved = live ? `move the traffic from ${live} to ${idle}` : `send the traffic to ${idle}`
  const nodes = listed(routerNodes(cluster).map(({ name }) => name))
  return `${moved} on ${nodes}${probes ? ' while requests are sent' : ''}, prove that on each, and take it back if that fails`
}

/** A router comes up on each node that the manager hears of and that nobody has taken out. */
const namesOfUp = (cluster: Pick<Cluster, 'nodes'>): readonly string[] =>
  routerNodes(cluster)
    .filter(({ up }) => up)
    .map(({ name }) => name)

/** The nodes that tasks may run on. */
const targets = ({ nodes }: Pick<Cluster, 'nodes'>): readonly string[] =>
  nodes.filter(({ availability, up }) => availability === 'active' && up).map(({ name }) => name)
