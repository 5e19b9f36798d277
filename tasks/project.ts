/** Ties an application, its host, its plugins and its slots together, and makes the standard tasks for them. */

import { resolve } from 'node:path'
import { dryHost } from '../host/dry-run.ts'
import type { Guard, Host, Transport } from '../host/host.ts'
import { isSkipped, perform } from '../host/query.ts'
import { arg } from '../runner/cli/args.ts'
import { type Definer, definer, type Kit, type Opened, type RunSetting, type Scope } from '../runner/task.ts'
import { checked, either, fields, list, oneOf, optional, type Rule, text, thing } from '../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginKit, Router, Runtime, Slot } from '../slots/contracts.ts'
import { type Environment, environmentFile, readEnvironment } from '../slots/environment/environment.ts'
import { secretsOf } from '../slots/environment/secrets.ts'
import { slotFaults } from '../slots/faults.ts'
import { secretsIn } from '../slots/health/headers.ts'
import { healthOf, healthRules } from '../slots/health/health.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import { layout } from '../slots/layout.ts'
import { fenceOf } from '../slots/lock/fence.ts'
import { type InLine, type Lock, takeLock, underLock } from '../slots/lock/lock.ts'
import { unlessClosed } from '../slots/lock/maintenance.ts'
import type { HealthCheck } from '../slots/model.ts'
import { named, sharedPaths } from '../slots/names.ts'
import { type ProbeSetting, probeRules, probingOf } from '../slots/promote/probe.ts'
import { type SlotSpec, slotRules, slotsOf } from '../slots/slot.ts'
import { type Readings, readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'
import { standardTasks } from './standard-tasks.ts'

export interface ProjectDefinition<
  S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
> {
  /** Name of the application: of its folder, its units, its site. */
  readonly app: string
  /** The machine that it runs on: `ssh('deploy@web-1')`, or `local()`. */
  readonly host: Transport
  readonly build: B
  readonly runtime: U
  readonly router: R
  readonly slots: S
  /** The application's folder on the host. Default `/srv/<app>`. */
  readonly root?: string
  /**
   * Paths in a release that outlive it, such as `storage` or `priv/uploads`: what the application writes must stand there, a release itself cannot
   * be written. Each is a link to `<root>/shared/<path>`: a folder, made with what the artifact has there, when it is not there yet; a file when
   * a file is there, or in the artifact. Default none.
   */
  readonly shared?: readonly string[]
  /**
   * The application's environment file, beside the Taskfile: its values go to the slots, and are hidden in all output. With names of
   * those that may be printed: `{ file: '.env.production', plain: ['STRIPE_MODE'] }`.
   */
  readonly env?: string | EnvironmentFile
  readonly health?: HealthCheck
  /** How a promote asks the site while the traffic moves; `false`: not at all. Default: its health path, 40 times a second of each kind. */
  readonly probe?: ProbeSetting | false
}

export interface EnvironmentFile {
  /** Relative to the Taskfile. */
  readonly file: string
  /** Names of variables whose values are no secrets: they are printed as they are. */
  readonly plain?: readonly string[]
}

const pluginOf = <T>(kind: Exclude<Plugin<T>['kind'], undefined>, examples: string): Rule<Plugin<T>> => {
  const fits = (value: unknown) => isPlugin(value) && (value.kind ?? kind) === kind
  return thing(`a plugin that is a ${kind === 'build' ? 'build source' : kind}, such as ${examples}`, fits)
}

const isPlugin = (value: unknown): value is Plugin<unknown> =>
  typeof value === 'object' && value !== null && 'create' in value && typeof value.create === 'function'

const ENVIRONMENT = 'the name of a file, or `{ file, plain: [...] }` with the names of variables that are no secrets'

const RULES = fields<ProjectDefinition<Record<string, SlotSpec>, Plugin<BuildSource>, Plugin<Router>, Plugin<Runtime>>>(
  {
    app: text,
    host: thing(
      'a machine, such as `ssh("deploy@web-1")` or `local()`',
      value => typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function',
    ),
    build: pluginOf('build', '`docker()`, `command({ run })` or `tarball({ path })`'),
    runtime: pluginOf('runtime', '`beam()`'),
    router: pluginOf('router', '`nginx({ site })`'),
    slots: slotRules,
    root: optional(text),
    shared: optional(list(text)),
    env: optional(either(text, fields<EnvironmentFile>({ file: text, plain: optional(list(text)) }), ENVIRONMENT)),
    health: optional(healthRules),
    probe: optional(either(oneOf(false), probeRules, 'an object with its options, or false')),
  },
)

type Made<P> = P extends Plugin<infer T> ? T : never

/** What a task of a project has in its context, with the project's own plugins. */
export type ProjectContext<S extends string, B, R, U> = Omit<Context<S>, 'router' | 'runtime' | 'build'> & {
  readonly router: Made<R>
  readonly runtime: Made<U>
  readonly build: Made<B> extends { build: infer F } ? F : never
}

export function project<
  const S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
>(definition: ProjectDefinition<S, B, R, U>) {
  type Name = Extract<keyof S, string>
  checked('project()', RULES, definition)
  const app = named('app', definition.app)
  const folders = layout(named('root', definition.root ?? `/srv/${app}`), sharedPaths(definition.shared ?? []))
  const slots = slotsOf<Name>(definition.slots)
  const slot = arg.from('slot', slots.names, name => slots.get(name))

  const health = healthOf(definition.health)
  const probe = definition.probe === false ? undefined : probingOf(definition.probe ?? {}, health.path)

  const env = typeof definition.env === 'string' ? { file: definition.env } : definition.env
  const valuesIn = async (folder: string) => (env ? readEnvironment(resolve(folder, env.file)) : {})
  const { build, runtime, router } = definition
  const known = [app, folders.root, definition.host.name, definition.host.name.replace(/^.*@/, ''), ...slots.names]
  const shown = [build, runtime, router].flatMap(plugin => plugin.shown ?? [])
  const secrets = (values: Environment) => secretsOf(values, { ...env, known: [...known, ...shown] })
  const scope: Scope = {
    name: app,
    tasks: () => tasks,
    secrets: async folder => secrets(await valuesIn(folder)),
    async open(run: RunSetting): Promise<Opened> {
      const values = await valuesIn(run.folder)
      run.hide(secrets(values))
      run.hide(secretsIn(health.headers))
      const deploy = newDeploy(whoami(process.env))
      let held: Promise<Lock> | undefined
      let now: Lock | undefined
      let asked: Promise<Readings> | undefined
      const fence = fenceOf({
        host: definition.host.name,
        layout: folders,
        deploy: deploy.id,
        lock: () => now,
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
      const login = run.tasks.includes(tasks.setup) ? run.values.login : undefined
      const transport = typeof login === 'string' ? definition.host.as?.(login) : definition.host
      if (!transport) throw slotFaults.LOGIN_IMPOSSIBLE({ host: definition.host.name })
      const bare = await transport.open({ ...run, guard })
      // By the time that the release is built, the way to the host is open.
      if (run.tasks.includes(tasks.upload)) bare.connect?.()
      return {
        context(kit: Kit): Context<Name> {
          const host: Host = kit.dryRun ? dryHost(bare, kit.log) : bare
          const plugin: PluginKit = {
            ...kit,
            app,
            folder: run.folder,
            host: host.name,
            layout: folders,
            slots: slots.all,
          }
          const runtime = definition.runtime.create(plugin)
          const router = definition.router.create(plugin)
          const reading = readings({ layout: folders, slots, router })
          /** At the same time as the lock is taken, which costs no round trip then. */
          const askUnderLock = () => {
            const batch = host.pipeline()
            batch.push(perform(underLock(folders, deploy)))
            const told = batch.add(reading)
            void batch.run()
            return told
          }
          const take = async (line: InLine = { wait: 0 }) => {
            if (kit.dryRun) return
            const first = held === undefined
            held ??= takeLock(bare, folders, deploy, run.command, line)
            if (first && line.wait === 0) asked = askUnderLock()
            now = await held
          }
          const environment = (of: Slot) => environmentFile({ ...values, ...runtime.environment(of), ...of.env })
          return {
            app,
            host,
            layout: folders,
            slots,
            router,
            runtime,
            health: healthOf(definition.health, router.site),
            probe,
            deploy,
            lock: { take },
            taskfileUser: async () =>
              transport === definition.host ? undefined : (await definition.host.open({ ...run, guard })).account(),
            readings: async () => {
              const told = asked
              asked = undefined
              return (await told?.catch(skipped)) ?? host.query(reading)
            },
            environment,
            build: (): Promise<Artifact> => {
              const built = (more: Partial<PluginKit>) => definition.build.create({ ...plugin, ...more }).build()
              if (!run.tasks.includes(tasks.upload)) return built({})
              const { signal } = kit
              return unlessClosed({ host, layout: folders, signal }, signal => built({ signal, $: kit.$({ signal }) }))
            },
            provisions: facts => [runtime.provision(facts), router.provision(facts)],
          }
        },
        traffic: () => bare.traffic?.(),
        async [Symbol.asyncDispose]() {
          // That lets go of the lock, too.
          await bare[Symbol.asyncDispose]()
        },
      }
    },
  }

  const own: Definer<ProjectContext<Name, B, R, U>> = definer(scope)
  const tasks = standardTasks<Name>({ ...definer<Context<Name>>(scope), slot, drain })
  return { ...own, slot, tasks }
}

/** What was not asked because the lock was not ours in time is no failure. */
function skipped(error: unknown): undefined {
  if (!isSkipped(error)) throw error
}

const drain = arg
  .duration('How long the idle slot may take to lose its connections before it is stopped, such as 30s')
  .optional()
