/** What a step works with: its host, which includes the balancer before it, the slots there, and the plugins, created for this step. */
import { dryHost } from '../host/dry-run.ts'
import type { Host } from '../host/host.ts'
import { hostWith } from '../host/several.ts'
import type { TaskContext } from '../runner/task.ts'
import type { PluginContext, Router, Runtime } from '../slots/contracts.ts'
import { roleRoute } from '../slots/fleet/role-route.ts'
import { BALANCER, type Balancer, following, onMachine, routerLayout } from '../slots/place.ts'
import type { Slots } from '../slots/slot.ts'
import { loggingCopies } from './logging-copies.ts'
import type { Machine, Machines } from './machines.ts'
import { routerOf, runtimeOf } from './plugins-of.ts'
import type { Project, SessionSetting } from './run-setting.ts'

interface HostOfStep<S extends string> {
  readonly member: Machine
  /** A query of the router runs on the balancer. */
  readonly host: Host
  /** Whether its requests come from a balancer. */
  readonly balanced: boolean
  /** The balancer, on the host whose run moves it. */
  readonly balancer: Balancer | undefined
  readonly leads: boolean
  readonly slots: Slots<S>
  readonly role: string | undefined
  readonly plugin: PluginContext
  readonly runtime: Runtime
  readonly router: Router
}

/** @param name of the host; that of the first one for a step that runs once */
export function hostOfStep<S extends string>(
  { app, build, layout, roles, router: routing, runtime }: Project<S>,
  { hosts, balancer: balancing, serves, slotsOn }: Machines<S>,
  { folder, signal }: Pick<SessionSetting, 'folder' | 'signal'>,
  task: TaskContext,
  name: string | undefined,
): HostOfStep<S> {
  const member = hosts.find(host => host.name === name) ?? hosts[0]
  const ofStep = (host: Host) => (task.dryRun ? dryHost(host, task.log) : loggingCopies(host, task.log))
  const balancerHost = balancing && ofStep(balancing.host)
  const own = ofStep(member.host)
  const host = balancerHost ? hostWith(own, { [BALANCER]: balancerHost }, signal) : own
  // Only behind a balancer one host is enough to prove a switch.
  const leads = !balancing || member === hosts[0]
  const slots = slotsOn(member.name)
  const role = roles.get(member.name)
  const { login } = build
  const places = { folder, host: host.name, layout, slots: slots.all, role, router: routing.name }
  const plugin: PluginContext = { ...task, app, ...places, ...(login && { login }) }
  const created = routerOf(routing, { ...plugin, host: balancerHost?.name ?? host.name })
  const there = balancerHost ? onMachine(created, BALANCER) : created
  const ofWeb = balancerHost && !leads ? following(there) : there
  const router = serves(member.name) ? ofWeb : roleRoute(layout)
  return {
    member,
    host,
    balanced: balancing !== undefined && serves(member.name),
    balancer:
      leads && balancing && balancerHost
        ? {
            host: balancerHost,
            layout: routerLayout(layout),
            has: 'router',
            upstream: routing.on?.upstream ?? '',
            provisions: facts => [router.provision(facts)],
            taskfileUser: balancing.taskfileUser,
          }
        : undefined,
    leads,
    slots,
    role,
    plugin,
    runtime: runtimeOf(runtime, plugin),
    router,
  }
}
