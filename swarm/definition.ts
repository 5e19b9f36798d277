/** What a swarm is made of, and the rules for its options. */
import { isTransport, type Transport } from '../host/host.ts'
import {
  anyText,
  atLeast,
  count,
  either,
  fields,
  list,
  number,
  oneOf,
  optional,
  path,
  record,
  text,
  thing,
} from '../runner/taskfile/shape.ts'
import type { BuildSource, Plugin } from '../slots/contracts.ts'
import { type EnvironmentSource, isSource } from '../slots/environment/source.ts'
import { type ProbeSetting, probeRules } from '../slots/promote/probe-setting.ts'

export interface SwarmDefinition<S extends Readonly<Record<string, SwarmSlotSpec>>> {
  /** The name of the application, used for its services, networks and records. */
  readonly app: string
  /**
   * A manager of the swarm, whose account may use the engine there; or several, of which each run takes the first that answers.
   *
   * @example ssh('deploy@m1')
   * @example ['m1', 'm2', 'm3'].map(name => ssh(`deploy@${name}`))
   */
  readonly manager: Transport | readonly Transport[]
  /**
   * The build source of the image, or an image that a registry has.
   *
   * @example image({ context: 'app' })
   * @example { name: 'registry.lan:5000/life:1.2.0', version: '1.2.0' }
   */
  readonly image: Plugin<BuildSource> | PublishedImage
  /**
   * The repository that a built image is pushed to, by the manager. Without it the image is sent to each node over SSH.
   *
   * @example 'registry.lan:5000/life'
   */
  readonly registry?: string
  /** That the application listens on, in its container. */
  readonly port: number
  /**
   * How many tasks a slot has.
   *
   * @default 2
   */
  readonly replicas?: number
  readonly router: SwarmRouter
  readonly health?: SwarmHealth
  readonly slots: S
  /** The application's variables: its environment file, relative to the Taskfile, or several sources. They are in no argument of a process. */
  readonly env?: string | EnvironmentSource | readonly (string | EnvironmentSource)[]
  /**
   * Swarm's own secrets, which the application finds in `/run/secrets/`. They have to exist.
   *
   * @example ['life_database_url']
   */
  readonly secrets?: readonly string[]
  /** The command of a task, if it is not that of the image. */
  readonly start?: string | readonly string[]
  /** The command that runs the migrations, in a task of its own. @example 'bin/migrate' */
  readonly migrate?: string | readonly string[]
  /** The command that `console` runs in a running task. @default 'sh' */
  readonly console?: string | readonly string[]
  readonly limits?: SwarmLimits
  /** Further networks of the swarm that the slots are on, such as that of the database. */
  readonly networks?: readonly string[]
  /** Which nodes may have tasks, as in `docker service create --constraint`. @example ['node.labels.disk==ssd'] */
  readonly constraints?: readonly string[]
  /** The label of the nodes over whose values the engine spreads the tasks, such as that of a rack. @example 'node.labels.rack' */
  readonly spread?: string
  /** How `console` and a deploy without a registry reach a node. @default the address that the manager knows, with the manager's user */
  readonly nodes?: (node: { readonly name: string; readonly address: string }) => Transport
  /** How a promote probes the site during the switch; `false` turns that off. @default the health path, 40 requests per second of each kind */
  readonly probe?: ProbeSetting | false
}

/** What differs between the slots. */
export interface SwarmSlotSpec {
  readonly env?: Readonly<Record<string, string>>
}

export interface PublishedImage {
  readonly name: string
  readonly version: string
}

export interface SwarmRouter {
  /** The port of the site on each node. */
  readonly port: number
  /**
   * An image with HAProxy 2.5 or newer, Lua in it, and bash. All nodes need it: from a registry, or loaded there.
   *
   * @default 'haproxy:3.0'
   */
  readonly image?: string | undefined
}

export interface SwarmHealth {
  /** @default '/health' */
  readonly path?: string
  /**
   * The `Host` header.
   *
   * @default 'localhost'
   */
  readonly host?: string
  /**
   * The field of the JSON response that holds the version; `false` if the application does not report it.
   *
   * @default 'version'
   */
  readonly version?: string | false
  /**
   * Milliseconds until all tasks of a slot must be healthy.
   *
   * @default 120000
   */
  readonly within?: number
  /**
   * A command of the image that the engine checks each task with, and replaces it if the command fails.
   *
   * @default the `HEALTHCHECK` of the image, if it has one
   */
  readonly command?: string
}

export interface SwarmLimits {
  /** What a task may use: the kernel ends one that takes more. @example '512M' */
  readonly memory?: string
  /** In cores. @example 0.5 */
  readonly cpus?: number
  /** What a node must have left for a task, of that which the tasks on it have reserved. Without it the engine only counts tasks, and may overload a node. */
  readonly reserve?: { readonly memory?: string; readonly cpus?: number }
  /**
   * Seconds that a task has to end after SIGTERM.
   *
   * @default 30
   */
  readonly stop?: number
  /**
   * Seconds that the migrations may take.
   *
   * @default 3600
   */
  readonly migrate?: number
}

export type AnySwarmDefinition = SwarmDefinition<Readonly<Record<string, SwarmSlotSpec>>>

const port = number(
  'a port, a whole number from 1 to 65535',
  value => Number.isInteger(value) && value > 0 && value < 65_536,
)
const cores = number('a number of cores above 0', value => value > 0)
const machine = thing<Transport>('a machine, such as `ssh("deploy@m1")`', isTransport)
const command = either(text, list(text), 'a command, such as "bin/migrate" or ["bin/rails", "db:migrate"]')
const isBuild = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'create' in value && 'name' in value && value.name === 'image'
const source = either(text, thing<EnvironmentSource>('a source such as `sops("secrets.enc.yaml")`', isSource))

export const SWARM_RULES = fields<AnySwarmDefinition>({
  app: text,
  manager: either(machine, list(machine), 'a machine, such as `ssh("deploy@m1")`, or a list of them'),
  image: either(
    thing<Plugin<BuildSource>>('`image()`', isBuild),
    fields<PublishedImage>({ name: text, version: text }),
    '`image({ ... })`, or `{ name, version }` of an image that a registry has',
  ),
  registry: optional(
    thing<string>(
      'a repository such as "registry.lan:5000/life", without a tag',
      value => typeof value === 'string' && /^[\w.-]+(:\d+)?(\/[\w.-]+)+$/.test(value),
    ),
  ),
  port,
  replicas: optional(count(1)),
  router: fields<SwarmRouter>({ port, image: optional(text) }),
  health: optional(
    fields<SwarmHealth>({
      path: optional(path),
      host: optional(thing<string>('a host name', value => typeof value === 'string' && /^[\w.:-]+$/.test(value))),
      version: optional(either(text, oneOf(false), 'the name of a field such as "version", or false')),
      within: optional(atLeast(1, 'milliseconds')),
      command: optional(text),
    }),
  ),
  slots: record(fields<SwarmSlotSpec>({ env: optional(record(anyText)) })),
  env: optional(
    either(source, list(source), 'the name of a file, a source such as `fromProcess([...])`, or a list of these'),
  ),
  secrets: optional(list(text)),
  start: optional(command),
  migrate: optional(command),
  console: optional(command),
  limits: optional(
    fields<SwarmLimits>({
      memory: optional(text),
      cpus: optional(cores),
      reserve: optional(fields<NonNullable<SwarmLimits['reserve']>>({ memory: optional(text), cpus: optional(cores) })),
      stop: optional(count(0)),
      migrate: optional(count(1)),
    }),
  ),
  networks: optional(list(text)),
  constraints: optional(list(text)),
  spread: optional(
    thing<string>(
      'a label such as "node.labels.rack"',
      value => typeof value === 'string' && /^(node|engine)\.labels\.[^\s,=]+$/.test(value),
    ),
  ),
  nodes: optional(
    thing('a function that returns a machine, such as `({ name }) => ssh(name)`', value => typeof value === 'function'),
  ),
  probe: optional(either(oneOf(false), probeRules, 'an object with its options, or false')),
})

/** A command line runs in the shell of the image, and is replaced by the program that it names. */
export const wordsOf = (command: string | readonly string[] | undefined): readonly string[] =>
  typeof command === 'string' ? ['/bin/sh', '-c', `exec ${command}`] : (command ?? [])
