/** The probes of a switch: requests to the site of every node, from the manager, as users send them. */
import type { Host } from '../host/host.ts'
import type { Fault } from '../runner/fault.ts'
import type { Router } from '../slots/contracts.ts'
import { versionIn } from '../slots/health/health.ts'
import { type Measured, measured } from '../slots/promote/measured.ts'
import { type Prober, startProbes } from '../slots/promote/probe.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import { askSockets, type SocketAnswers, socketFault, socketWarnings } from '../slots/promote/sockets.ts'
import type { Node } from './cluster.ts'
import type { StepContext } from './context.ts'
import { siteOf, urlOf } from './router/verify.ts'
import type { SwarmSwitch } from './switch.ts'

type ProbeContext = Pick<StepContext, 'definition' | 'health' | 'deploy' | 'log'> & { readonly host: Host }

/** The routers of all nodes as one, for which the first part of a path names the node. */
function routerOf(context: ProbeContext, nodes: readonly Node[]): Pick<Router, 'curl' | 'site'> {
  const site = siteOf(context)
  return {
    curl(path) {
      const [, name, rest = '/'] = /^\/([^/]+)(\/.*)$/.exec(path) ?? []
      const node = nodes.find(known => known.name === name)
      return ['-q', '--header', `Host: ${site.host}`, node ? `${urlOf(node, site)}${rest}` : '']
    },
    // TLS ends in front of the nodes, so that is what a browser names as its origin.
    site: { host: site.host, https: true },
  }
}

const ofEach = (nodes: readonly Node[], paths: readonly string[]) =>
  paths.flatMap(path => nodes.map(({ name }) => `/${name}${path}`))

/** Starts probes through the routers of all nodes. */
export const probeNodes = (context: ProbeContext, nodes: readonly Node[], probing: Probing): Prober | undefined =>
  startProbes(
    { ...context, router: routerOf(context, nodes) },
    {
      ...probing,
      paths: ofEach(nodes, probing.paths),
      routes: ofEach(nodes, ['/deployment_id']),
      places: nodes.map(({ name }) => name),
    },
    `.switchyard-probes.${context.deploy.id}`,
  )

/** Asks every node for the WebSockets of the Taskfile; undefined if it names none. */
export async function askNodes(
  context: ProbeContext,
  nodes: readonly Node[],
  { sockets }: Probing,
): Promise<SocketAnswers | undefined> {
  const [asking] = askSockets(routerOf(context, nodes), ofEach(nodes, sockets))
  return asking && context.host.query(asking)
}

/** Warnings about what could not be compared. @throws SOCKET_REFUSED for the first WebSocket that a node accepted before the switch and does not any more */
export function assertSockets(
  { to, nodes }: Pick<SwarmSwitch, 'to' | 'nodes'>,
  { sockets }: Probing,
  before: SocketAnswers | undefined,
  after: SocketAnswers | undefined,
): readonly Fault[] {
  const named = sockets.flatMap(path => nodes.map(({ name }) => `${path} of ${name}`))
  if (!before || !after) return []
  const fault = socketFault(to.slot, named, before, after)
  if (fault) throw fault
  return socketWarnings(named, before, after)
}

/** What the probes have seen. */
export async function endProbes(
  prober: Prober,
  { to, from, service, versionBefore }: SwarmSwitch,
  field: string | false,
): Promise<Measured | undefined> {
  const probed = await prober.end({
    to: to.slot,
    from: from?.slot,
    version: service.version,
    versionOf: body => (field === false ? undefined : versionIn(body, field)),
  })
  return probed && measured(probed, { first: !from, sameVersion: versionBefore === service.version })
}
