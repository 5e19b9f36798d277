/** A run of the program on a project's host: one connection, one lock, and for each step the context that it works in. */
import { dryHost } from '../host/dry-run.ts'
import type { Guard, Host, Transport } from '../host/host.ts'
import { type AnyQuery, isSkipped, perform } from '../host/query.ts'
import type { OpenScope, RunSetting, TaskContext } from '../runner/task.ts'
import type { Artifact, BuildSource, Plugin, PluginContext, Router, Runtime, Slot } from '../slots/contracts.ts'
import { type Environment, environmentFile } from '../slots/environment/environment.ts'
import { slotFaults } from '../slots/faults.ts'
import { healthOf } from '../slots/health/health.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import type { Layout } from '../slots/layout.ts'
import { fenceOf } from '../slots/lock/fence.ts'
import { type Lock, type LockWait, takeLock, underLock } from '../slots/lock/lock.ts'
import { unlessClosed } from '../slots/lock/maintenance.ts'
import type { Deploy, HealthCheck } from '../slots/model.ts'
import type { Probing } from '../slots/promote/probe.ts'
import type { Slots } from '../slots/slot.ts'
import { type Readings, readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'

/** What a Taskfile said of its project, in full. */
export interface Project<S extends string> {
  readonly app: string
  readonly host: Transport
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly build: Plugin<BuildSource>
  readonly runtime: Plugin<Runtime>
  readonly router: Plugin<Router>
  readonly health: HealthCheck | undefined
  readonly probe: Probing | undefined
}

export interface SessionSetting extends RunSetting {
  /** The values of the project's environment file. */
  readonly environment: Environment
  /** Log in as this user, and not as the one of the Taskfile. */
  readonly login: string | undefined
  /** Something is going to be uploaded: by the time that it is built, the way to the host is open. */
  readonly uploads: boolean
}

export async function openSession<S extends string>(project: Project<S>, run: SessionSetting): Promise<OpenScope> {
  const { app, layout, slots, host: ofTaskfile } = project
  const transport = run.login === undefined ? ofTaskfile : ofTaskfile.as?.(run.login)
  if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: ofTaskfile.name })
  const deploy = newDeploy(whoami(process.env))
  const lock = runLock(ofTaskfile.name, layout, deploy, run)
  const setting = { ...run, guard: lock.guard }
  const bare = await transport.open(setting)
  if (run.uploads) bare.connect?.()

  const context = (kit: TaskContext): Context<S> => {
    const host = kit.dryRun ? dryHost(bare, kit.log) : bare
    const plugin: PluginContext = { ...kit, app, folder: run.folder, host: host.name, layout, slots: slots.all }
    const runtime = project.runtime.create(plugin)
    const router = project.router.create(plugin)
    const reading = readings({ layout, slots, router })
    return {
      app,
      host,
      layout,
      slots,
      router,
      runtime,
      health: healthOf(project.health, router.site),
      probe: project.probe,
      deploy,
      lock: { take: async line => (kit.dryRun ? undefined : lock.take(bare, reading, line)) },
      taskfileUser: async () => (transport === ofTaskfile ? undefined : (await ofTaskfile.open(setting)).account()),
      readings: async () => (await lock.told()) ?? host.query(reading),
      environment: (slot: Slot) => environmentFile({ ...run.environment, ...runtime.environment(slot), ...slot.env }),
      build: () => build(host, plugin),
      provisions: facts => [runtime.provision(facts), router.provision(facts)],
    }
  }

  /** A build takes long: it ends early when the host turns out to be closed for what it is made for. */
  const build = (host: Host, kit: PluginContext): Promise<Artifact> => {
    const built = (more: Partial<PluginContext>) => project.build.create({ ...kit, ...more }).build()
    if (!run.uploads) return built({})
    return unlessClosed({ host, layout, signal: kit.signal }, signal => built({ signal, $: kit.$({ signal }) }))
  }

  return {
    context,
    traffic: () => bare.traffic?.(),
    // That lets go of the lock, too.
    [Symbol.asyncDispose]: () => bare[Symbol.asyncDispose](),
  }
}

/** The lock of a run, which is taken once, and what was read as it was taken. */
function runLock(host: string, layout: Layout, deploy: Deploy, run: Pick<RunSetting, 'signal' | 'command'>) {
  let taking: Promise<Lock> | undefined
  let taken: Lock | undefined
  let asked: Promise<Readings> | undefined
  const fence = fenceOf({
    host,
    layout,
    deploy: deploy.id,
    lock: () => taken,
    // What begins after that takes something back.
    undoing: () => run.signal.aborted,
  })
  const guard: Guard = {
    ...fence,
    script() {
      // What was read is not true any more when something was changed.
      asked = undefined
      return fence.script()
    },
  }
  return {
    guard,
    /** At the same time as the lock is taken the host is asked for the readings, which costs no round trip then. */
    async take(on: Host, reading: AnyQuery<Readings>, line: LockWait = { wait: 0 }): Promise<void> {
      const first = taking === undefined
      taking ??= takeLock(on, layout, deploy, run.command, line)
      if (first && line.wait === 0) {
        const batch = on.pipeline()
        batch.push(perform(underLock(layout, deploy)))
        asked = batch.add(reading)
        void batch.run()
      }
      taken = await taking
    },
    /** What was read under the lock, once: undefined when nothing was, when the lock was not ours in time, and when something was changed since. */
    async told(): Promise<Readings | undefined> {
      const told = asked
      asked = undefined
      return told?.catch((error: unknown) => {
        if (!isSkipped(error)) throw error
        return undefined
      })
    },
  }
}
