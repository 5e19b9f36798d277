/** Defines a project: an application, its host, its plugins, its slots, and their standard tasks. */

import { resolve } from 'node:path'
import type { Transport } from '../host/host.ts'
import { arg } from '../runner/cli/args.ts'
import { isFault } from '../runner/fault.ts'
import { type AnyTask, type Definer, definer, type Scope } from '../runner/task.ts'
import { checked, either, fields, list, oneOf, optional, type Rule, text, thing } from '../runner/taskfile/shape.ts'
import type { BuildSource, Plugin, Router, Runtime } from '../slots/contracts.ts'
import { type Environment, readEnvironment } from '../slots/environment/environment.ts'
import { secretsOf } from '../slots/environment/secrets.ts'
import { secretsIn } from '../slots/health/headers.ts'
import { healthOf, healthRules } from '../slots/health/health.ts'
import { layout } from '../slots/layout.ts'
import type { HealthCheck } from '../slots/model.ts'
import { sharedPaths, validateName } from '../slots/names.ts'
import { type ProbeSetting, probeRules, probingOf } from '../slots/promote/probe.ts'
import { type SlotSpec, slotRules, slotsOf } from '../slots/slot.ts'
import { projectConfig } from './config.ts'
import type { Context } from './context.ts'
import { openSession, type Project } from './session.ts'
import { standardTasks } from './standard-tasks.ts'

export interface ProjectDefinition<
  S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
> {
  /** The name of the application, used for its folder, its units and its site. */
  readonly app: string
  /** The machine that it runs on. @example ssh('deploy@web-1') */
  readonly host: Transport
  readonly build: B
  readonly runtime: U
  readonly router: R
  readonly slots: S
  /** The application's folder on the host. @default `/srv/<app>` */
  readonly root?: string
  /**
   * Paths in a release that outlive it, such as `storage` or `priv/uploads`. The application must write its data there, because a release is
   * read-only. Each path becomes a link to `<root>/shared/<path>`. If that does not exist, it is created with what the artifact has at the path, or
   * as an empty folder.
   * @default []
   */
  readonly shared?: readonly string[]
  /**
   * The application's environment file, relative to the Taskfile. Its values are passed to the slots and redacted in all output.
   * @example { file: '.env.production', plain: ['STRIPE_MODE'] }
   */
  readonly env?: string | EnvironmentFile
  readonly health?: HealthCheck
  /** How a promote probes the site during the switch; `false` turns that off. @default the health path, 40 requests per second of each kind */
  readonly probe?: ProbeSetting | false
}

export interface EnvironmentFile {
  /** Relative to the Taskfile. */
  readonly file: string
  /** Names of variables whose values are not secret, so they are not redacted. */
  readonly plain?: readonly string[]
}

const pluginOf = <T>(kind: Exclude<Plugin<T>['kind'], undefined>, examples: string): Rule<Plugin<T>> => {
  const fits = (value: unknown) => isPlugin(value) && (value.kind ?? kind) === kind
  return thing(`a plugin that is a ${kind === 'build' ? 'build source' : kind}, such as ${examples}`, fits)
}

const isPlugin = (value: unknown): value is Plugin<unknown> =>
  typeof value === 'object' && value !== null && 'create' in value && typeof value.create === 'function'

const ENVIRONMENT = 'the name of a file, or `{ file, plain: [...] }` with the names of variables that are not secret'

const RULES = fields<ProjectDefinition<Record<string, SlotSpec>, Plugin<BuildSource>, Plugin<Router>, Plugin<Runtime>>>(
  {
    app: text,
    host: thing(
      'a machine, such as `ssh("deploy@web-1")` or `local()`',
      value => typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function',
    ),
    build: pluginOf('build', '`docker()`, `command({ run })`, `tarball({ path })` or `git({ ref })`'),
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

type CreatedBy<P> = P extends Plugin<infer T> ? T : never

/** The context of a project's tasks, with the types of the project's own plugins. */
export type ProjectContext<S extends string, B, R, U> = Omit<Context<S>, 'router' | 'runtime' | 'build'> & {
  readonly router: CreatedBy<R>
  readonly runtime: CreatedBy<U>
  readonly build: CreatedBy<B> extends { build: infer F } ? F : never
}

export function project<
  const S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
>(definition: ProjectDefinition<S, B, R, U>) {
  type Name = Extract<keyof S, string>
  checked('project()', RULES, definition)
  const app = validateName('app', definition.app)
  const folders = layout(validateName('root', definition.root ?? `/srv/${app}`), sharedPaths(definition.shared ?? []))
  const slots = slotsOf<Name>(definition.slots)
  const slot = arg.from('slot', slots.names, name => slots.get(name))

  const health = healthOf(definition.health)
  const probe = definition.probe === false ? undefined : probingOf(definition.probe ?? {}, health.path)
  const env = typeof definition.env === 'string' ? { file: definition.env } : definition.env
  const project: Project<Name> = { ...definition, app, layout: folders, slots, probe, health: definition.health }
  const scope: Scope = scopeOf(project, env, () => tasks)

  const own: Definer<ProjectContext<Name, B, R, U>> = definer(scope)
  const tasks = standardTasks<Name>({ ...definer<Context<Name>>(scope), slot, drain })
  return { ...own, slot, tasks }
}

/** The scope that the runner opens for a project's tasks: a session on its host. Secrets of the environment file are redacted from the start. */
function scopeOf<S extends string>(
  project: Project<S>,
  env: EnvironmentFile | undefined,
  tasks: () => Readonly<Record<'setup' | 'upload' | 'config' | 'remove', AnyTask>>,
): Scope {
  const { app, host, layout, slots, build, runtime, router } = project
  const valuesIn = async (folder: string) => (env ? readEnvironment(resolve(folder, env.file)) : {})
  const known = [app, layout.root, host.name, host.name.replace(/^.*@/, ''), ...slots.names]
  const visible = [build, runtime, router].flatMap(plugin => plugin.shown ?? [])
  const secrets = (values: Environment) => secretsOf(values, { ...env, known: [...known, ...visible] })
  return {
    name: app,
    tasks,
    secrets: async folder => secrets(await valuesIn(folder)),
    async open(run) {
      const { setup, upload, config, remove } = tasks()
      const only = run.tasks.every(task => task === config)
      const { environment, problem } = await readUnless(only, valuesIn(run.folder))
      run.hide(secrets(environment))
      run.hide(secretsIn(healthOf(project.health).headers))
      const { login } = run.tasks.some(task => task === setup || task === remove) ? run.values : {}
      const uploads = run.tasks.includes(upload)
      return openSession(project, {
        ...run,
        environment,
        config: created => projectConfig(project, created, env && { ...env, problem, values: environment }),
        login: typeof login === 'string' ? login : undefined,
        uploads,
      })
    },
  }
}

/** `config` also shows a project whose environment file is missing, as it may be in CI. */
async function readUnless(
  optional: boolean,
  reading: Promise<Environment>,
): Promise<{ environment: Environment; problem?: string }> {
  try {
    return { environment: await reading }
  } catch (error) {
    if (!optional || !isFault(error) || error.code !== 'ENV_FILE_UNREADABLE') throw error
    return { environment: {}, problem: error.message }
  }
}

const drain = arg
  .duration('How long to wait for the connections of the idle slot to end before it is stopped, such as 30s')
  .optional()
