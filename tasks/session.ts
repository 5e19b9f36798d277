/** A run on a project's machines: one connection and one lock each, and the context of each step. */
import { dryHost } from '../host/dry-run.ts'
import type { Host, Transport } from '../host/host.ts'
import type { AnyQuery } from '../host/query.ts'
import { hostWith } from '../host/several.ts'
import type { Fleet, OpenScope, RunSetting, TaskContext } from '../runner/task.ts'
import { sumOf } from '../runner/traffic.ts'
import type { ProjectConfig } from '../slots/config/config.ts'
import type { BuildSource, Plugin, PluginContext, Router, Runtime, Slot } from '../slots/contracts.ts'
import { type Environment, environmentFile } from '../slots/environment/environment.ts'
import type { RunFacts } from '../slots/facts.ts'
import { slotFaults } from '../slots/faults.ts'
import { roleRoute, WEB_ROLE } from '../slots/fleet/role-route.ts'
import { healthOf } from '../slots/health/setting.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import type { Layout } from '../slots/layout.ts'
import type { HealthCheck } from '../slots/model.ts'
import type { Notification, Notifier } from '../slots/notify/notifier.ts'
import { BALANCER, type Balancer, following, onMachine, routerLayout } from '../slots/place.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import type { PromoteReport } from '../slots/promote/report/data.ts'
import { type Slots, slotsAt } from '../slots/slot.ts'
import { type Readings, readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'
import { loggingCopies } from './logging-copies.ts'
import { routerOf, runtimeOf } from './plugins-of.ts'
import { runBuild } from './run-build.ts'
import { runEnded } from './run-ending.ts'
import { runLock } from './run-lock.ts'
import { beginsWithHook } from './steps/hook.ts'

/** The project definition of a Taskfile, validated and with defaults. */
export interface Project<S extends string> {
  readonly app: string
  /** Where to, if the project has destinations. */
  readonly destination: string | undefined
  /** Those of this run; at least one. */
  readonly hosts: readonly Transport[]
  /** The names of all hosts, in the order of the Taskfile. */
  readonly machines: readonly string[]
  /** The role of each host by its name; empty if the hosts have none. */
  readonly roles: ReadonlyMap<string, string>
  /** How they switch. */
  readonly strategy?: 'together' | 'rolling' | undefined
  /** Those that this run leaves out for longer. */
  readonly leaves: readonly string[]
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly build: Plugin<BuildSource>
  readonly runtime: Plugin<Runtime>
  readonly router: Plugin<Router>
  readonly health: HealthCheck | undefined
  readonly probe: Probing | undefined
  readonly notify: readonly Notifier[]
  /** What `bootstrap` installs for the application: Debian packages, and databases for people. */
  readonly packages: readonly string[]
  readonly databases: readonly string[]
}

/** The plugins that tell about themselves without contacting a host, with the context that they were created with. */
export interface CreatedPlugins {
  readonly plugin: PluginContext
  readonly runtime: Runtime
  readonly router: Router
}

export interface SessionSetting extends RunSetting {
  /** The variables of the project. @throws ENV_NOT_READ if the run did not ask for them */
  environment(): Environment
  /** What the Taskfile resolves to. */
  config(plugins: CreatedPlugins): Promise<ProjectConfig>
  /** Log in as this user instead of the one in the Taskfile. */
  readonly login: string | undefined
  /** The run uploads a release, so the connection is opened while the build is running. */
  readonly uploads: boolean
  /** The run is for hosts that serve the same, which is then found out while the build is running. */
  readonly agrees: boolean
  /** What notifications are sent about, if anything. */
  readonly event: Notification['event'] | undefined
}

export async function openSession<S extends string>(project: Project<S>, run: SessionSetting): Promise<OpenScope> {
  const { app, layout, router: routing, destination, notify } = project
  const ofRouter = routerLayout(layout)
  const command = run.event ?? run.command
  const deploy = { ...newDeploy(whoami(process.env)), command, ...(destination !== undefined && { destination }) }
  /** Whether requests go to a host. */
  const serves = ({ name }: { readonly name: string }) => (project.roles.get(name) ?? WEB_ROLE) === WEB_ROLE
  const web = project.hosts.filter(serves)
  const on = web.length > 0 ? routing.on : undefined
  const machines = [
    ...project.hosts.map(host => ({ name: host.name, layout, transport: host })),
    ...(on ? [{ name: on.host.name, layout: ofRouter, transport: on.host }] : []),
  ]
  const pooled = project.machines.filter(name => serves({ name }))
  if (on && run.event && web.length < pooled.length)
    throw slotFaults.POOL_PARTIAL({ hosts: web.map(({ name }) => name), of: pooled.length })
  const lock = runLock(machines, deploy, run)
  const all = await Promise.all(machines.map((machine, i) => open(machine, i)))
  const members = all.slice(0, project.hosts.length)
  const balancing = all[members.length]
  // A hook may still refuse the run before anything is contacted.
  if (run.uploads && !beginsWithHook(run.tasks)) for (const { host } of all) host.connect?.()

  async function open({ name, transport: ofTaskfile }: (typeof machines)[number], i: number) {
    const transport = run.login === undefined ? ofTaskfile : ofTaskfile.as?.(run.login)
    if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: ofTaskfile.name })
    const guard = lock.guards[i]
    const setting = { ...run, ...(guard && { guard }) }
    const taskfileUser = async () => (transport === ofTaskfile ? undefined : (await ofTaskfile.open(setting)).account())
    return { name, host: await transport.open(setting), taskfileUser }
  }

  /** Several machines are one host for the steps: a query of the router runs where that stands. */
  const joined = (main: Host, other: Host | undefined) =>
    other ? hostWith(main, { [BALANCER]: other }, run.signal) : main
  const { id, by } = deploy
  const host = project.hosts.map(({ name }) => name).join(', ')
  let facts: RunFacts = { app, host, destination, command: run.command, deploy: id, by }
  /** Behind a balancer, the slots of each host listen on its own address. */
  const slotsOn = ({ name }: { readonly name: string }): Slots<S> => {
    const { pool } = routing.on ?? {}
    const address = pool?.[pooled.indexOf(name)]
    return pool && address !== undefined && serves({ name }) ? slotsAt(project.slots, address, pool) : project.slots
  }
  const switches: PromoteReport[] = []
  const build = runBuild({
    source: project.build,
    layout,
    slots: project.slots,
    machines: all.map(({ host }) => host),
    hosts: members.map(({ host }) => host),
    uploads: run.uploads,
    agrees: run.agrees,
  })
  /** What is read of each host while its lock is taken. */
  const readingOf = new Map<string, AnyQuery<Readings>>()

  const context = (task: TaskContext, fleet: Fleet): Context<S> => {
    // What a frozen run would say of the host may no longer be so.
    lock.check()
    const member = members.find(({ name }) => name === fleet.host) ?? members[0]
    if (!member) throw new TypeError('a project has a host')
    const ofStep = (host: Host) => (task.dryRun ? dryHost(host, task.log) : loggingCopies(host, task.log))
    const balancerHost = balancing && ofStep(balancing.host)
    const host = joined(ofStep(member.host), balancerHost)
    // Only behind a balancer one host is enough to prove a switch.
    const leads = !balancing || member === members[0]
    const slots = slotsOn(member)
    const role = project.roles.get(member.name)
    const { login } = project.build
    const places = { folder: run.folder, host: host.name, layout, slots: slots.all, role, router: routing.name }
    const plugin: PluginContext = { ...task, app, ...places, ...(login && { login }) }
    const runtime = runtimeOf(project.runtime, plugin)
    const created = routerOf(routing, { ...plugin, host: balancerHost?.name ?? host.name })
    const there = balancerHost ? onMachine(created, BALANCER) : created
    const ofWeb = balancerHost && !leads ? following(there) : there
    const router = serves(member) ? ofWeb : roleRoute(layout)
    const balancer: Balancer | undefined =
      leads && balancing && balancerHost
        ? {
            host: balancerHost,
            layout: ofRouter,
            has: 'router',
            upstream: on?.upstream ?? '',
            provisions: facts => [router.provision(facts)],
            taskfileUser: balancing.taskfileUser,
          }
        : undefined
    const reading = readings({ layout, slots, router }, { several: project.machines.length > 1 })
    // With a balancer they would be two batches.
    if (!balancing) readingOf.set(member.name, reading)
    const variables = (slot: Slot) => ({ ...run.environment(), ...runtime.environment(slot), ...slot.env })
    return {
      app,
      destination: project.destination,
      folder: run.folder,
      fleet,
      role,
      leaves: project.leaves,
      leads,
      host,
      balancer,
      layout,
      slots,
      router,
      runtime,
      health: healthOf(project.health, router.site),
      probe: project.probe,
      deploy,
      lock: {
        async take(wait, only) {
          // The locks of all hosts are taken at once, with what is read of each of them.
          const asked = await fleet.gather(only)
          if (task.dryRun) return
          const wanted = asked.some(({ value }) => !value) ? undefined : asked.flatMap(({ value = [] }) => value)
          const held = all.map(({ name, host }) =>
            wanted?.includes(host.name) === false ? undefined : { host, reading: readingOf.get(name) },
          )
          await lock.take(held, wait)
        },
      },
      taskfileUser: member.taskfileUser,
      facts: () => facts,
      hide: run.hide,
      redact: run.redact,
      switched: report => switches.push(report),
      tell(told) {
        facts = { ...facts, ...told }
      },
      readings: async () => (await lock.prefetched(member.name)) ?? host.query(reading),
      variables,
      environment: (slot: Slot) => environmentFile(variables(slot)),
      config: () => run.config({ plugin, runtime, router }),
      build: () => build({ fleet, host, balancer, plugin, reading }),
      provisions: facts => [
        runtime.provision(facts),
        ...(balancing && serves(member) ? [] : [router.provision(facts)]),
      ],
    }
  }

  return {
    hosts: members.map(({ name }) => name),
    context,
    // A slot of the command line, as it is on the host of the step.
    input: (value, { host }) => {
      const named = project.slots.all.find(slot => slot === value)
      return named ? slotsOn({ name: host }).get(named.name) : value
    },
    ended: outcome => {
      const hosts = members.map(({ name }) => name)
      return runEnded({ ...run, notify, hosts, report: run.values.report }, { facts, switches }, outcome)
    },
    traffic: () => sumOf(all.map(({ host }) => host.traffic?.())),
    // Closing the connections also releases the locks.
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map(({ host }) => host[Symbol.asyncDispose]()))
    },
  }
}
