/** What a Taskfile resolves to, as data for `task config`. Contains no value that may be secret. */
import type { Endpoint } from '../../host/host.ts'
import type { Slot } from '../contracts.ts'
import type { Environment } from '../environment/environment.ts'
import { nameSuggestsSecret, partsOf } from '../environment/secrets.ts'
import { merged, type ReadSource } from '../environment/source.ts'
import { headersShown } from '../health/headers.ts'
import type { Layout } from '../layout.ts'
import type { Health } from '../model.ts'
import type { Probing } from '../promote/probe-setting.ts'
import type { SharedEntry } from '../shared.ts'

/** A variable that a slot's application gets. The value is missing if it may be secret. */
export interface Variable {
  readonly name: string
  readonly secret: boolean
  readonly value?: string
}

export interface PluginConfig {
  readonly plugin: string
  /** The options with their defaults; `null` if the plugin does not tell them. */
  readonly settings: Readonly<Record<string, unknown>> | null
}

export interface SlotConfig {
  readonly name: string
  readonly port: number
  /** The variables that the runtime and the Taskfile set for this slot alone, in addition to those of the environment file. */
  readonly variables: readonly Variable[]
}

export interface ProjectConfig {
  readonly app: string
  /** Missing for a Taskfile without destinations. */
  readonly destination?: string
  /** `endpoint` is `null` if there is nothing to connect to. */
  readonly hosts: readonly {
    readonly name: string
    readonly endpoint: Endpoint | null
    /** Missing if the hosts have none. */
    readonly role?: string | undefined
  }[]
  /** Missing unless the hosts switch in batches. */
  readonly strategy?: 'rolling'
  /** Missing if the router is on the application's host. */
  readonly balancer?: { readonly name: string; readonly endpoint: Endpoint | null; readonly upstream: string }
  readonly folders: Readonly<Record<'root' | 'releases' | 'slots' | 'router' | 'shared', string>>
  /** Paths in a release that are links to data that outlives it, as the Taskfile names them. */
  readonly shared: readonly SharedEntry[]
  /** What `bootstrap` installs for the application. Missing if there is none, as the next two are. */
  readonly packages?: readonly string[]
  readonly databases?: readonly string[]
  /** Who is told how a deploy ended: `slack`. */
  readonly notify?: readonly string[]
  readonly slots: readonly SlotConfig[]
  readonly build: PluginConfig
  readonly runtime: PluginConfig
  readonly router: PluginConfig
  /** The value of a header is hidden if its name suggests a secret. */
  readonly health: Health
  /** `false` if the Taskfile turns the probes off. */
  readonly probe: Probing | false
  /**
   * `null` if the Taskfile has no source of variables. `file`: the first source; `problem`: why it cannot be read. `sources`: all, if there are several or one was not read. The variables
   * are those of the sources that were read: one such as a password manager is not asked.
   */
  readonly environment: {
    readonly file: string
    readonly problem: string | null
    readonly variables: readonly Variable[]
    readonly sources?: readonly SourceConfig[]
  } | null
}

/** A source of variables. */
export interface SourceConfig {
  readonly source: string
  readonly state: 'read' | 'not asked' | 'unreadable'
  readonly problem: string | null
}

/** The folders of a layout that a person may look for. */
export const foldersOf = ({ root, releases, slots, router, shared }: Layout): ProjectConfig['folders'] => ({
  root,
  releases,
  slots,
  router,
  shared: shared.dir,
})

/** The settings of a plugin without those that are not set. A function, such as one that finds the version, cannot be shown. */
export const settingsShown = (settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value === 'function' ? '(a function)' : value]),
  )

/** The sources of the environment, and the variables of those that were read. */
export function environmentShown(read: readonly ReadSource[]): ProjectConfig['environment'] {
  const [first, ...more] = read
  if (!first) return null
  const all = read.map(({ source, values, problem }): SourceConfig => {
    const state = values ? 'read' : problem === undefined ? 'not asked' : 'unreadable'
    return { source: source.title, state, problem: problem ?? null }
  })
  return {
    file: first.source.title,
    problem: first.problem ?? null,
    variables: variablesOfFile(
      merged(read),
      read.flatMap(({ source }) => source.plain),
    ),
    ...((more.length > 0 || all[0]?.state === 'not asked') && { sources: all }),
  }
}

/** The variables of the environment file: each is secret unless the Taskfile lists it in `plain`. */
export const variablesOfFile = (values: Environment, plain: readonly string[] = []): readonly Variable[] =>
  Object.entries(values).map(([name, value]) => variable(name, value, !plain.includes(name)))

/**
 * The variables of one slot. Those of the runtime are no secrets. The Taskfile's own are shown unless the name suggests a secret or a part of the
 * value may be one, such as the password of a URL, because a Taskfile may take them from the process environment.
 */
export function variablesOfSlot({ env }: Pick<Slot, 'env'>, ofRuntime: Environment): readonly Variable[] {
  const hidden = (name: string, value: string) => nameSuggestsSecret(name) || partsOf(value).length > 0
  return Object.entries({ ...ofRuntime, ...env }).map(([name, value]) =>
    variable(name, value, Object.hasOwn(env, name) && hidden(name, value)),
  )
}

const variable = (name: string, value: string, secret: boolean): Variable => ({
  name,
  secret,
  ...(!secret && { value }),
})

/** The health check as it may be shown. */
export const healthShown = (health: Health): Health => ({ ...health, headers: headersShown(health.headers) })
