/** A run on a project's machines: one connection and one lock each, and the context of each step. */
import { dryHost } from '../host/dry-run.ts'
import type { Host, Transport } from '../host/host.ts'
import { hostWith } from '../host/several.ts'
import type { OpenScope, RunSetting, TaskContext } from '../runner/task.ts'
import type { ProjectConfig } from '../slots/config/config.ts'
import type { Artifact, BuildSource, Plugin, PluginContext, Router, Runtime, Slot } from '../slots/contracts.ts'
import { type Environment, environmentFile } from '../slots/environment/environment.ts'
import type { RunFacts } from '../slots/facts.ts'
import { slotFaults } from '../slots/faults.ts'
import { healthOf } from '../slots/health/health.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import type { Layout } from '../slots/layout.ts'
import { unlessClosed } from '../slots/lock/maintenance.ts'
import type { HealthCheck } from '../slots/model.ts'
import { type Notification, type Notifier, notifyAll } from '../slots/notify/notifier.ts'
import { BALANCER, type Balancer, onMachine, routerLayout } from '../slots/place.ts'
import type { Probing } from '../slots/promote/probe.ts'
import { assertSetUp } from '../slots/setup/owner.ts'
import type { Slots } from '../slots/slot.ts'
import { readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'
import { loggingCopies } from './logging-copies.ts'
import { notificationOf } from './notification.ts'
import { runLock } from './run-lock.ts'
import { beginsWithHook } from './steps/hook.ts'

/** The project definition of a Taskfile, validated and with defaults. */
export interface Project<S extends string> {
  readonly app: string
  /** Where to, if the project has destinations. */
  readonly destination: string | undefined
  readonly host: Transport
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly build: Plugin<BuildSource>
  readonly runtime: Plugin<Runtime>
  readonly router: Plugin<Router>
  readonly health: HealthCheck | undefined
  readonly probe: Probing | undefined
  readonly notify: readonly Notifier[]
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
  /** What notifications are sent about, if anything. */
  readonly event: Notification['event'] | undefined
}

export async function openSession<S extends string>(project: Project<S>, run: SessionSetting): Promise<OpenScope> {
  const { app, layout, slots, router: routing, destination, notify } = project
  const ofRouter = routerLayout(layout)
  const deploy = { ...newDeploy(whoami(process.env)), ...(destination !== undefined && { destination }) }
  const machines = [
    { name: project.host.name, layout, transport: project.host },
    ...(routing.on ? [{ name: routing.on.host.name, layout: ofRouter, transport: routing.on.host }] : []),
  ]
  const lock = runLock(machines, deploy, run)
  const [opened, balancing] = await Promise.all(machines.map((machine, i) => open(machine, i)))
  if (!opened) throw new TypeError('a project has a host')
  const all = [opened, ...(balancing ? [balancing] : [])]
  // A hook may still refuse the run before anything is contacted.
  if (run.uploads && !beginsWithHook(run.tasks)) for (const { host } of all) host.connect?.()

  async function open({ transport: ofTaskfile }: (typeof machines)[number], i: number) {
    const transport = run.login === undefined ? ofTaskfile : ofTaskfile.as?.(run.login)
    if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: ofTaskfile.name })
    const guard = lock.guards[i]
    const setting = { ...run, ...(guard && { guard }) }
    const taskfileUser = async () => (transport === ofTaskfile ? undefined : (await ofTaskfile.open(setting)).account())
    return { host: await transport.open(setting), taskfileUser }
  }

  /** Several machines are one host for the steps: a query of the router runs where that stands. */
  const joined = (main: Host, other: Host | undefined) =>
    other ? hostWith(main, { [BALANCER]: other }, run.signal) : main
  const real = joined(opened.host, balancing?.host)
  const { id, by } = deploy
  let facts: RunFacts = { app, host: project.host.name, destination, command: run.command, deploy: id, by }

  const context = (task: TaskContext): Context<S> => {
    const ofStep = (host: Host) => (task.dryRun ? dryHost(host, task.log) : loggingCopies(host, task.log))
    const balancerHost = balancing && ofStep(balancing.host)
    const host = joined(ofStep(opened.host), balancerHost)
    const plugin: PluginContext = { ...task, app, folder: run.folder, host: host.name, layout, slots: slots.all }
    const runtime = project.runtime.create(plugin)
    // Else the release would start unprepared.
    if ((runtime.prepare !== undefined) !== (project.runtime.prepares === true))
      throw new TypeError(
        `the plugin ${project.runtime.name} has to set \`prepares\` exactly if its runtime has \`prepare\``,
      )
    const created = routing.create({ ...plugin, host: balancerHost?.name ?? host.name })
    const router = balancerHost ? onMachine(created, BALANCER) : created
    const balancer: Balancer | undefined = balancing &&
      balancerHost && {
        host: balancerHost,
        layout: ofRouter,
        has: 'router',
        upstream: routing.on?.upstream ?? '',
        provisions: facts => [router.provision(facts)],
        taskfileUser: balancing.taskfileUser,
      }
    const reading = readings({ layout, slots, router })
    const variables = (slot: Slot) => ({ ...run.environment(), ...runtime.environment(slot), ...slot.env })
    return {
      app,
      destination: project.destination,
      folder: run.folder,
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
          if (task.dryRun) return
          const hosts = all.map(({ host }) => (only?.includes(host.name) === false ? undefined : host))
          await lock.take(hosts, reading, wait)
        },
      },
      taskfileUser: opened.taskfileUser,
      facts: () => facts,
      tell(told) {
        facts = { ...facts, ...told }
      },
      readings: async () => (await lock.prefetched()) ?? host.query(reading),
      variables,
      environment: (slot: Slot) => environmentFile(variables(slot)),
      config: () => run.config({ plugin, runtime, router }),
      build: () => build(host, balancer, plugin),
      provisions: facts => [runtime.provision(facts), ...(balancer ? [] : [router.provision(facts)])],
    }
  }

  /** A build for an upload is aborted if the host turns out to be closed. It does not begin before the balancer can be reached. */
  const build = async (host: Host, balancer: Balancer | undefined, plugin: PluginContext): Promise<Artifact> => {
    const create = (changes: Partial<PluginContext>) => project.build.create({ ...plugin, ...changes }).build()
    if (!run.uploads) return create({})
    host.connect?.()
    await balancer?.host.query(assertSetUp(balancer.layout))
    return unlessClosed({ host, layout, signal: plugin.signal }, signal => create({ signal, $: plugin.$({ signal }) }))
  }

  return {
    context,
    async ended(outcome) {
      const notification = run.event && notificationOf(run.event, facts, outcome)
      return notification ? notifyAll(notify, notification) : []
    },
    traffic: () => real.traffic?.(),
    // Closing the connections also releases the locks.
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  }
}
