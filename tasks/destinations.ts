/** The destinations of a project: what all share is in `project()`, and what differs is in the destination. */
import { chosenDestination } from '../runner/destination.ts'
import type { ScopeDestination } from '../runner/task.ts'
import {
  checked,
  type Fields,
  fields,
  flag,
  optional,
  type Rule,
  record,
  text,
  type Wrong,
} from '../runner/taskfile/shape.ts'
import { slotFaults } from '../slots/faults.ts'
import { validateName } from '../slots/names.ts'
import { type AnyDefinition, hostsOf, OPTIONS, RULES } from './definition.ts'

/** What differs in a destination. Each option replaces the whole one of the project. */
export interface DestinationOptions extends Partial<AnyDefinition> {
  /**
   * Whether a command that changes something there asks in a terminal first, and needs `--yes` without one.
   *
   * @default true for the destination `production`, false for any other
   */
  readonly confirm?: boolean
}

type Needed = 'app' | 'host' | 'build' | 'runtime' | 'router' | 'slots'
/** `host` is not needed beside `hosts`. */
type HostIf<K> = 'hosts' extends K ? 'host' : never
type Without<T, K extends PropertyKey> = { readonly [P in Exclude<keyof T, K>]: never }

/** Each destination must have what the shared options `C` lack. */
export type Destinations<C, D> = {
  /**
   * Where the application is deployed to, such as `staging` and `production`. `-d staging` chooses one.
   *
   * @example destinations: { staging: { host: ssh('deploy@stage-1') }, production: { host: ssh('deploy@web-1') } }
   */
  readonly destinations: {
    readonly [N in keyof D]: D[N] &
      Required<Pick<AnyDefinition, Exclude<Needed, keyof C | keyof D[N] | HostIf<keyof C | keyof D[N]>>>> &
      Without<D[N], keyof AnyDefinition | 'confirm'>
  }
  /**
   * The destination of a command without `-d`. The variable `TASK_DESTINATION` comes before it.
   *
   * @default none: `-d` is required
   */
  readonly default?: keyof D & string
} & Without<C, keyof AnyDefinition | 'destinations' | 'default'>

/** The type of an option: that of the shared options, or of any destination. */
export type OptionOf<C, D, K extends PropertyKey> =
  | (K extends keyof C ? C[K] : never)
  | { [N in keyof D]: K extends keyof D[N] ? D[N][K] : never }[keyof D]

/** A definition with destinations, as far as it was checked. */
interface Divided extends Partial<AnyDefinition> {
  readonly destinations: Readonly<Record<string, DestinationOptions>>
  readonly default?: string
}

const isDivided = (definition: unknown): definition is Divided =>
  typeof definition === 'object' && definition !== null && 'destinations' in definition

export interface Resolved {
  readonly definition: AnyDefinition
  readonly destination: ScopeDestination | undefined
  /** The variables of the other destinations, whose files any task may print. */
  readonly otherEnvironments: readonly AnyDefinition['env'][]
}

/** The same options, each of which a destination or the shared part may lack. */
const SOME = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, rule]) => [name, optional(rule as Rule<unknown>)]),
) as Fields<Partial<AnyDefinition>>
const DIVIDED = fields<Divided>({
  ...SOME,
  destinations: record(
    fields<DestinationOptions>({ ...SOME, confirm: optional(flag) }, 'an object with what differs there'),
  ),
  default: optional(text),
})

/** Chooses the destination, if there are any, and checks that its definition is complete. */
export function resolved(definition: unknown): Resolved {
  if (!isDivided(definition))
    return {
      definition: checked('project()', RULES, definition as AnyDefinition),
      destination: undefined,
      otherEnvironments: [],
    }
  const names = Object.keys(checked('project()', DIVIDED, definition).destinations)
  checked('project()', { check: ({ default: name }: Divided) => defaultProblem(name, names) }, definition)
  return resolveDestination(definition, (name, merged) =>
    checked(`The destination \`${name}\``, RULES, merged as AnyDefinition),
  )
}

function defaultProblem(name: string | undefined, names: readonly string[]): Wrong | undefined {
  if (names.length === 0)
    return { path: ['destinations'], got: 'an empty object', expected: 'an object with at least one destination' }
  if (name === undefined || names.includes(name)) return undefined
  return { path: ['default'], got: JSON.stringify(name), expected: names.map(one => JSON.stringify(one)).join(' or ') }
}

/**
 * The definition for the destination of this run. Without one it is that of the first, whose commands can be listed and explained; the runner refuses to
 * run them.
 *
 * @param complete returns the definition of a destination, checked
 * @throws NAME_INVALID, DESTINATIONS_CLASH
 */
function resolveDestination(
  { destinations, default: fallback, ...shared }: Divided,
  complete: (name: string, merged: Partial<AnyDefinition>) => AnyDefinition,
): Resolved {
  const names = Object.keys(destinations).map(name => validateName('destination', name))
  const definitions = new Map(
    Object.entries(destinations).map(([name, { confirm: _, ...own }]) => [
      name,
      complete(name, { ...shared, ...set(own) }),
    ]),
  )
  assertApart(definitions)
  const wanted = chosenDestination()?.name ?? fallback
  const name = wanted !== undefined && definitions.has(wanted) ? wanted : undefined
  const [first] = definitions.values()
  const definition = definitions.get(name ?? '') ?? first
  if (!definition) throw new TypeError('a project with destinations has at least one')
  const confirm = destinations[name ?? '']?.confirm ?? name === 'production'
  return {
    definition,
    destination: { names, name, confirm, host: namesOf(definition).join(', ') },
    otherEnvironments: [...definitions.values()].flatMap(other => (other === definition ? [] : [other.env])),
  }
}

/** Without options that are undefined, as `env.NAME` may be. */
const set = (options: object) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** Two destinations on one host need an application's name, a folder and ports each, or one would take those of the other. */
function assertApart(definitions: ReadonlyMap<string, AnyDefinition>): void {
  const all = [...definitions]
  for (const [i, [second, b]] of all.entries())
    for (const [first, a] of all.slice(0, i)) {
      const host = machines(a).find(name => machines(b).includes(name))
      if (host === undefined) continue
      const names = [first, second] as const
      const clash = (what: string, hint: string) => {
        throw Object.assign(slotFaults.DESTINATIONS_CLASH({ names, host, what, hint }), {
          field: ['destinations', second],
        })
      }
      if (a.app === b.app) clash(`the name ${a.app}`, `Give one a name of its own: \`app: '${a.app}_${first}'\`.`)
      if (rootOf(a) === rootOf(b)) clash(`the folder ${rootOf(a)}`, 'Give one another `root`.')
      const port = ports(a).find(port => ports(b).includes(port))
      if (port !== undefined) clash(`the port ${port}`, 'Give one other ports in its `slots`.')
    }
}

/** By name: two names of one machine are found by its lock, which keeps the destination. */
const machines = (definition: AnyDefinition) => namesOf(definition).map(name => name.replace(/^.*@/, ''))
const namesOf = (definition: AnyDefinition) => hostsOf(definition).map(({ name }) => name)
const rootOf = ({ app, root = `/srv/${app}` }: AnyDefinition) => root
const ports = ({ slots }: AnyDefinition) => Object.values(slots).map(({ port }) => port)
