/** A run on a project's host: one connection, one lock, and the context of each step. */
import { dryHost } from '../host/dry-run.ts'
import type { Guard, Host, Transport } from '../host/host.ts'
import { type AnyQuery, isSkipped, perform } from '../host/query.ts'
import type { OpenScope, RunSetting, TaskContext } from '../runner/task.ts'
import type { ProjectConfig } from '../slots/config/config.ts'
import type { Artifact, BuildSource, Plugin, PluginContext, Router, Runtime, Slot } from '../slots/contracts.ts'
import { type Environment, environmentFile } from '../slots/environment/environment.ts'
import type { RunFacts } from '../slots/facts.ts'
import { slotFaults } from '../slots/faults.ts'
import { healthOf } from '../slots/health/health.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import type { Layout } from '../slots/layout.ts'
import { fenceOf } from '../slots/lock/fence.ts'
import { type Lock, type LockWait, takeLock, underLock } from '../slots/lock/lock.ts'
import { unlessClosed } from '../slots/lock/maintenance.ts'
import type { Deploy, HealthCheck } from '../slots/model.ts'
import { type Notification, type Notifier, notifyAll } from '../slots/notify/notifier.ts'
import type { Probing } from '../slots/promote/probe.ts'
import type { Slots } from '../slots/slot.ts'
import { type Readings, readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'
import { loggingCopies } from './logging-copies.ts'
import { notificationOf } from './notification.ts'
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
  const { app, layout, slots, host: ofTaskfile } = project
  const transport = run.login === undefined ? ofTaskfile : ofTaskfile.as?.(run.login)
  if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: ofTaskfile.name })
  const deploy = {
    ...newDeploy(whoami(process.env)),
    ...(project.destination !== undefined && { destination: project.destination }),
  }
  const lock = runLock(ofTaskfile.name, layout, deploy, run)
  const setting = { ...run, guard: lock.guard }
  const realHost = await transport.open(setting)
  // A hook may still refuse the run before anything is contacted.
  if (run.uploads && !beginsWithHook(run.tasks)) realHost.connect?.()
  const { destination, notify } = project
  const { id, by } = deploy
  let facts: RunFacts = { app, host: ofTaskfile.name, destination, command: run.command, deploy: id, by }

  const context = (task: TaskContext): Context<S> => {
    const host = task.dryRun ? dryHost(realHost, task.log) : loggingCopies(realHost, task.log)
    const plugin: PluginContext = { ...task, app, folder: run.folder, host: host.name, layout, slots: slots.all }
    const runtime = project.runtime.create(plugin)
    // Else the release would start unprepared.
    if ((runtime.prepare !== undefined) !== (project.runtime.prepares === true))
      throw new TypeError(
        `the plugin ${project.runtime.name} has to set \`prepares\` exactly if its runtime has \`prepare\``,
      )
    const router = project.router.create(plugin)
    const reading = readings({ layout, slots, router })
    const variables = (slot: Slot) => ({ ...run.environment(), ...runtime.environment(slot), ...slot.env })
    return {
      app,
      destination: project.destination,
      folder: run.folder,
      host,
      layout,
      slots,
      router,
      runtime,
      health: healthOf(project.health, router.site),
      probe: project.probe,
      deploy,
      lock: { take: async wait => (task.dryRun ? undefined : lock.take(realHost, reading, wait)) },
      taskfileUser: async () => (transport === ofTaskfile ? undefined : (await ofTaskfile.open(setting)).account()),
      facts: () => facts,
      tell(told) {
        facts = { ...facts, ...told }
      },
      readings: async () => (await lock.prefetched()) ?? host.query(reading),
      variables,
      environment: (slot: Slot) => environmentFile(variables(slot)),
      config: () => run.config({ plugin, runtime, router }),
      build: () => build(host, plugin),
      provisions: facts => [runtime.provision(facts), router.provision(facts)],
    }
  }

  /** A build for an upload is aborted if the host turns out to be closed. */
  const build = (host: Host, plugin: PluginContext): Promise<Artifact> => {
    const create = (changes: Partial<PluginContext>) => project.build.create({ ...plugin, ...changes }).build()
    if (!run.uploads) return create({})
    host.connect?.()
    return unlessClosed({ host, layout, signal: plugin.signal }, signal => create({ signal, $: plugin.$({ signal }) }))
  }

  return {
    context,
    async ended(outcome) {
      const notification = run.event && notificationOf(run.event, facts, outcome)
      return notification ? notifyAll(notify, notification) : []
    },
    traffic: () => realHost.traffic?.(),
    // Closing the connection also releases the lock.
    [Symbol.asyncDispose]: () => realHost[Symbol.asyncDispose](),
  }
}

/** The lock of a run, which is taken once, and the readings that were made at the same time. */
function runLock(host: string, layout: Layout, deploy: Deploy, run: Pick<RunSetting, 'signal' | 'command'>) {
  let taking: Promise<Lock> | undefined
  let taken: Lock | undefined
  let early: Promise<Readings> | undefined
  const fence = fenceOf({
    host,
    layout,
    deploy: deploy.id,
    lock: () => taken,
    // Writes after an abort undo the changes of this run.
    undoing: () => run.signal.aborted,
  })
  const guard: Guard = {
    ...fence,
    script() {
      // A write makes the early readings stale.
      early = undefined
      return fence.script()
    },
  }
  return {
    guard,
    /** Takes the lock. Sends the readings in the same batch, so that they cost no extra round trip. */
    async take(target: Host, reading: AnyQuery<Readings>, wait: LockWait = { wait: 0 }): Promise<void> {
      const first = taking === undefined
      taking ??= takeLock(target, layout, deploy, run.command, wait)
      if (first && wait.wait === 0) {
        const batch = target.pipeline()
        batch.push(perform(underLock(layout, deploy)))
        early = batch.add(reading)
        void batch.run()
      }
      taken = await taking
    },
    /** The readings made under the lock. Undefined on a second call, if the lock was not ours in time, or if anything was written since. */
    async prefetched(): Promise<Readings | undefined> {
      const reading = early
      early = undefined
      return reading?.catch((error: unknown) => {
        if (!isSkipped(error)) throw error
        return undefined
      })
    },
  }
}
