/** Defines a project: an application, its host, its plugins, its slots, and their standard tasks. */

import { arg } from '../runner/cli/args.ts'
import { hostsOfRun, leftOut } from '../runner/hosts.ts'
import { rehearsal } from '../runner/rehearsal.ts'
import { type AnyTask, type Definer, definer, type Scope } from '../runner/task.ts'
import type { BuildSource, Plugin, Router, Runtime } from '../slots/contracts.ts'
import { environmentFaults } from '../slots/environment/environment-faults.ts'
import { secretsOf } from '../slots/environment/secrets.ts'
import {
  type EnvironmentSource,
  file,
  isSource,
  knownValues,
  merged,
  type ReadSource,
  readSources,
} from '../slots/environment/source.ts'
import { slotFaults } from '../slots/faults.ts'
import { secretsIn } from '../slots/health/headers.ts'
import { healthOf } from '../slots/health/setting.ts'
import { layout } from '../slots/layout.ts'
import { validateName } from '../slots/names.ts'
import { probingOf } from '../slots/promote/probe-setting.ts'
import { sharedPaths } from '../slots/shared.ts'
import { type SlotSpec, slotsOf } from '../slots/slot.ts'
import { projectConfig } from './config.ts'
import type { Context, TaskDeps } from './context.ts'
import { type AnyDefinition, type EnvironmentEntry, hostsOf, type ProjectDefinition, rolesOf } from './definition.ts'
import { type DestinationOptions, type Destinations, type OptionOf, type Resolved, resolved } from './destinations.ts'
import { eventOf } from './notification.ts'
import type { Project } from './run-setting.ts'
import { openSession } from './session.ts'
import { standardTasks } from './standard-tasks.ts'

type CreatedBy<P> = P extends Plugin<infer T> ? T : never

/** The context of a project's tasks, with the types of the project's own plugins. */
export type ProjectContext<S extends string, B, R, U> = Omit<Context<S>, 'router' | 'runtime' | 'build'> & {
  readonly router: CreatedBy<R>
  readonly runtime: CreatedBy<U>
  readonly build: CreatedBy<B> extends { build: infer F } ? F : never
}

type NamesOf<S> = S extends unknown ? Extract<keyof S, string> : never

/** The tasks of a project, and the functions that make further ones. */
type ProjectTasks<Name extends string, B, R, U> = ReturnType<typeof create<Name, B, R, U>>

/** A project with destinations: what all share, and what differs in each. Together they must be complete. */
export function project<
  const C extends Partial<AnyDefinition>,
  const D extends Readonly<Record<string, DestinationOptions>>,
>(
  definition: C & Destinations<C, D>,
): ProjectTasks<
  NamesOf<OptionOf<C, D, 'slots'>>,
  OptionOf<C, D, 'build'>,
  OptionOf<C, D, 'router'>,
  OptionOf<C, D, 'runtime'>
>
export function project<
  const S extends Record<string, SlotSpec>,
  B extends Plugin<BuildSource>,
  R extends Plugin<Router>,
  U extends Plugin<Runtime>,
>(definition: ProjectDefinition<S, B, R, U>): ProjectTasks<Extract<keyof S, string>, B, R, U>
export function project(
  definition: object,
): ProjectTasks<string, Plugin<BuildSource>, Plugin<Router>, Plugin<Runtime>> {
  return create(resolved(definition))
}

function create<Name extends string, B, R, U>({ definition, destination, otherEnvironments }: Resolved) {
  const app = validateName('app', definition.app, ['app'])
  const root = validateName('root', definition.root ?? `/srv/${app}`, ['root'])
  const folders = layout(root, sharedPaths(definition.shared ?? []), definition.runtime.user)
  const { on } = definition.router
  const hosts = hostsOf(definition)
  if (on && hosts.some(({ name }) => name === on.host.name)) throw slotFaults.BALANCER_IS_HOST({ host: on.host.name })
  const roles = rolesOf(definition.hosts)
  const web = roles?.web ?? hosts
  if (on && (on.pool?.length ?? 1) !== web.length)
    throw slotFaults.UPSTREAMS_DIFFER({
      router: definition.router.name,
      hosts: web.length,
      upstreams: on.pool?.length ?? 1,
    })
  const slots = slotsOf<Name>(definition.slots as Record<Name, SlotSpec>, on?.upstream)
  const slot = arg.from('slot', slots.names, name => slots.get(name))

  const health = healthOf(definition.health)
  const probe = definition.probe === false ? undefined : probingOf(definition.probe ?? {}, health.path)
  const replaced = rehearsal()
  const env = replaced ? (replaced.env === undefined ? [] : [file(replaced.env)]) : sourcesOf(definition.env)
  const packages = (definition.packages ?? []).map(name => validateName('package', name, ['packages']))
  const accessories = accessoriesOf(definition, app, env)
  const project: Project<Name> = {
    ...definition,
    packages,
    databases: accessories ? databasesShown(accessories) : [],
    app,
    hosts,
    machines: hosts.map(({ name }) => name),
    leaves: [],
    roles: new Map(Object.entries(roles ?? {}).flatMap(([role, of]) => of.map(({ name }) => [name, role]))),
    layout: folders,
    slots,
    probe,
    health: definition.health,
    destination: destination?.name,
    // Nobody is told about a rehearsal.
    notify: replaced ? [] : (definition.notify ?? []),
  }
  const scope: Scope = {
    ...scopeOf(project, env, otherEnvironments.map(sourcesOf), () => tasks),
    ...(destination && { destination }),
  }

  const own: Definer<ProjectContext<Name, B, R, U>> = definer(scope)
  const prepares = definition.runtime.prepares === true
  const canary = { router: definition.router.canary === true ? undefined : definition.router.name }
  const several = hosts.length > 1
  const pooled = several && on !== undefined
  const rolling = several && definition.strategy === 'rolling'
  if (pooled && rolling && canary.router !== undefined) throw slotFaults.ROLLING_OFF({ router: canary.router })
  const machines = [...hosts, ...(on ? [on.host] : [])]
  const sources = env.map(({ title }) => title)
  const deps = {
    slot,
    drain,
    prepares,
    canary,
    several,
    pooled,
    rolling,
    machines,
    ofRouter: on?.host,
    packages,
    accessories,
    sources,
  }
  const tasks = standardTasks<Name>({ ...definer<Context<Name>>(scope), ...deps })
  return { ...own, slot, tasks }
}

/** The scope that the runner opens for a project's tasks: a session on its host. Secrets of its files are redacted from the start. */
function scopeOf<S extends string>(
  project: Project<S>,
  env: readonly EnvironmentSource[],
  others: readonly (readonly EnvironmentSource[])[],
  tasks: () => Readonly<Record<'setup' | 'upload' | 'detectLive' | 'config' | 'rehearse' | 'remove', AnyTask>>,
): Scope {
  const { app, layout, slots, build, runtime, router, roles } = project
  const byRole = [...new Set(roles.values())].map(role => [
    role,
    project.machines.filter(name => roles.get(name) === role),
  ])
  const hosts = [
    ...project.hosts.map(({ name }) => name),
    ...(router.on ? [router.on.host.name, router.on.upstream, ...(router.on.pool ?? [])] : []),
  ]
  const known = [app, layout.root, ...hosts.flatMap(name => [name, name.replace(/^.*@/, '')]), ...slots.names]
  const visible = [build, runtime, router].flatMap(plugin => plugin.shown ?? [])
  const secrets = (read: readonly ReadSource[]) => {
    const plain = read.flatMap(({ source }) => source.plain)
    return read.flatMap(({ values = {} }) => secretsOf(values, { plain, known: [...known, ...visible] }))
  }
  const readingIn = (folder: string, signal: AbortSignal) => ({ folder, signal, env: process.env })
  const scope: Scope = {
    name: app,
    hosts: project.hosts.map(({ name }) => name),
    ...(roles.size > 0 && { roles: Object.fromEntries(byRole) }),
    tasks,
    async secrets(folder) {
      const reading = readingIn(folder, new AbortController().signal)
      const read = await Promise.all([env, ...others].map(sources => knownValues(sources, reading)))
      return [...read.flatMap(secrets), ...project.notify.flatMap(({ secrets }) => secrets)]
    },
    async open(run) {
      const { setup, upload, detectLive, config, rehearse, remove } = tasks()
      const lenient = run.tasks.every(task => task === config || task === rehearse)
      const needed = run.tasks.some(task => task.secrets)
      const read = await readSources(env, readingIn(run.folder, run.signal), { needed, lenient })
      run.hide(secrets(read))
      run.hide(secretsIn(healthOf(project.health).headers))
      run.hide(project.notify.flatMap(({ secrets }) => secrets))
      run.hide([build, runtime, router].flatMap(plugin => plugin.secrets ?? []))
      const { login } = run.tasks.some(task => task === setup || task === remove) ? run.values : {}
      const uploads = run.tasks.includes(upload)
      const chosen = hostsOfRun(scope)
      const ofRun = {
        ...project,
        hosts: project.hosts.filter(({ name }) => chosen.includes(name)),
        leaves: leftOut(scope),
      }
      return openSession(ofRun, {
        ...run,
        environment() {
          const unread = read.filter(({ values, problem }) => values === undefined && problem === undefined)
          if (unread.length > 0)
            throw environmentFaults.ENV_NOT_READ({ sources: unread.map(({ source }) => source.title) })
          return merged(read)
        },
        config: created => projectConfig(project, created, read),
        login: typeof login === 'string' ? login : undefined,
        uploads,
        agrees: uploads && run.tasks.includes(detectLive),
        event: eventOf(run.tasks),
      })
    },
  }
  return scope
}

const sourcesOf = (env: AnyDefinition['env'] = []): readonly EnvironmentSource[] =>
  (isList(env) ? env : [env]).map(entry => {
    if (typeof entry === 'string') return file(entry)
    return isSource(entry) ? entry : file(entry.file, entry.plain === undefined ? {} : { plain: entry.plain })
  })

const isList = (env: EnvironmentEntry | readonly EnvironmentEntry[]): env is readonly EnvironmentEntry[] =>
  Array.isArray(env)

function accessoriesOf(
  { accessories }: Pick<AnyDefinition, 'accessories'>,
  app: string,
  env: readonly EnvironmentSource[],
): TaskDeps<string>['accessories'] {
  if (!accessories) return undefined
  const { postgres, redis = false } = accessories
  const name = typeof postgres === 'object' ? (postgres.database ?? app) : app
  return {
    database: postgres && validateName('database', name),
    redis,
    file: env.find(source => source.name === 'file')?.title,
  }
}

/** For `config`: PostgreSQL with its database, and Redis. */
const databasesShown = ({ database, redis }: NonNullable<TaskDeps<string>['accessories']>): readonly string[] => [
  ...(database === undefined ? [] : [`postgres ${database}`]),
  ...(redis ? ['redis'] : []),
]

const drain = arg
  .duration('How long to wait for the connections of the idle slot to end before it is stopped, such as 30s')
  .optional()
