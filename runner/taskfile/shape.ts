/**
 * Checks the options that a Taskfile passes to a factory, field by field. Compiling a Taskfile does not check its types: without this a misspelt field
 * would be ignored silently. `fields<T>` requires a rule for each field of `T`, so that no option is forgotten.
 */

import { nearest } from '../cli/suggest.ts'
import type { Fault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'

/** Why a value is invalid, and where inside it. */
export interface Wrong {
  readonly path: readonly string[]
  /** The value as text; undefined for a missing field. */
  readonly got?: string
  /** Describes the allowed values. */
  readonly expected?: string
  /** For an unknown field: the known ones. */
  readonly known?: readonly string[]
}

interface Base<T> {
  /** Describes the allowed values, such as `a number above 0`. */
  readonly expected: string
  check(value: unknown): Wrong | undefined
  /** Only for the compiler: the rule is for exactly this type. */
  readonly '~for'?: (value: T) => T
}

export interface Rule<T> extends Base<T> {
  readonly optional?: false
}

interface Optional<T> extends Base<T> {
  readonly optional: true
}

type Keys<T> = T extends unknown ? keyof T : never
type Field<T, K extends PropertyKey> = T extends { readonly [P in K]?: infer V } ? V : never
type Needed<T, K extends PropertyKey> = T extends { readonly [P in K]: unknown } ? T : never
/** A rule for each field of any member of `T`; `optional` exactly for the fields that may be left out. */
export type Fields<T> = {
  readonly [K in Keys<T>]-?: [T] extends [Needed<T, K>] ? Rule<Field<T, K>> : Optional<Exclude<Field<T, K>, undefined>>
}

/** A value that passes a test. */
export const thing = <T>(expected: string, test: (value: unknown) => boolean): Rule<T> => ({
  expected,
  check: value => (test(value) ? undefined : { path: [], got: describe(value), expected }),
})

export const text: Rule<string> = thing(
  'a text, and not an empty one',
  value => typeof value === 'string' && value !== '',
)
export const anyText: Rule<string> = thing('a text', value => typeof value === 'string')
export const path: Rule<string> = thing(
  'a path that begins with a slash, such as "/health"',
  value => typeof value === 'string' && /^\/\S*$/.test(value),
)
export const hostName: Rule<string> = thing(
  'a host name such as "life.example"',
  value => typeof value === 'string' && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value),
)
export const flag: Rule<boolean> = thing('true or false', value => typeof value === 'boolean')
export const number = (expected: string, test: (value: number) => boolean): Rule<number> =>
  thing(expected, value => typeof value === 'number' && !Number.isNaN(value) && test(value))
export const atLeast = (least: number, unit = ''): Rule<number> =>
  number(`a number${unit && ` of ${unit}`}, at least ${least}`, value => value >= least)
export const count = (least: number): Rule<number> =>
  number(`a whole number, at least ${least}`, value => Number.isSafeInteger(value) && value >= least)
export const call = <T>(expected: string): Rule<T> => thing(expected, value => typeof value === 'function')

export const oneOf = <const C extends readonly (string | boolean)[]>(...choices: C): Rule<C[number]> =>
  thing(choices.map(choice => JSON.stringify(choice)).join(' or '), value => choices.includes(value as C[number]))

/** A field that may be missing or undefined, as `env.NAME` may. */
export const optional = <T>(rule: Rule<T>): Optional<T> => ({
  ...rule,
  optional: true,
  check: value => (value === undefined ? undefined : rule.check(value)),
})

/** The same rule with another description, which is used for the value itself but not for something inside it. */
export const expecting = <T>(expected: string, rule: Rule<T>): Rule<T> => ({
  expected,
  check(value) {
    const wrong = rule.check(value)
    return wrong && wrong.path.length === 0 && !wrong.known ? { ...wrong, expected } : wrong
  },
})

/** A value that one of two rules allows. If neither does, the problem found by the second is reported. */
export const either = <A, B>(first: Rule<A>, second: Rule<B>, expected = `${first.expected}, or ${second.expected}`) =>
  expecting<A | B>(expected, { expected, check: value => first.check(value) && second.check(value) })

export const list = <T>(rule: Rule<T>): Rule<readonly T[]> => ({
  expected: `a list, each ${rule.expected}`,
  check(value) {
    if (!Array.isArray(value)) return { path: [], got: describe(value), expected: this.expected }
    return first(value.map((item, i) => [String(i), rule.check(item)]))
  },
})

/** An object with any keys, such as an environment. Its values may be secret, so messages never contain them. */
export const record = <T>(rule: Rule<T>): Rule<Readonly<Record<string, T>>> => ({
  expected: `an object, each value ${rule.expected}`,
  check(value) {
    if (!isObject(value)) return { path: [], got: describe(value), expected: this.expected }
    return first(Object.entries(value).map(([name, item]) => [name, withoutValue(rule.check(item), item)]))
  },
})

/** An object with these fields and no others. */
export function fields<T>(rules: Fields<T>, expected = 'an object with its options'): Rule<T> {
  const known = rules as Readonly<Record<string, Rule<unknown> | Optional<unknown>>>
  const names = Object.keys(known)
  return {
    expected,
    check(value) {
      if (!isObject(value)) return { path: [], got: describe(value), expected }
      const unknown = Object.keys(value).find(name => !names.includes(name))
      if (unknown !== undefined) return { path: [unknown], known: names }
      return first(
        names.map(name => {
          const rule = known[name]
          const present = Object.hasOwn(value, name) && value[name] !== undefined
          if (!present && rule && !rule.optional) return [name, { path: [], expected: rule.expected }]
          return [name, present ? rule?.check(value[name]) : undefined]
        }),
      )
    },
  }
}

/**
 * Returns the value if it follows the rule.
 *
 * @throws OPTION_UNKNOWN, OPTION_MISSING, OPTION_INVALID, with the path of the field
 */
export function checked<T>(factory: string, rule: { check(value: unknown): Wrong | undefined }, value: T): T {
  const wrong = rule.check(value)
  if (wrong) throw faultOf(factory, wrong)
  return value
}

function faultOf(factory: string, { path, got, expected = '', known }: Wrong): Fault {
  const field = path.join('.')
  const create = () => {
    if (known) {
      const near = nearest(path.at(-1) ?? '', known)
      return runnerFaults.OPTION_UNKNOWN({ factory, field, near, known })
    }
    if (got === undefined) return runnerFaults.OPTION_MISSING({ factory, field, expected })
    return runnerFaults.OPTION_INVALID({ factory, field, got, expected })
  }
  // A missing field has no place in the source; its parent has.
  return Object.assign(create(), { field: known || got !== undefined ? path : path.slice(0, -1) })
}

function first(found: readonly (readonly [string, Wrong | undefined])[]): Wrong | undefined {
  for (const [name, wrong] of found) if (wrong) return { ...wrong, path: [name, ...wrong.path] }
  return undefined
}

export const isUrl = (value: unknown): boolean =>
  typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const withoutValue = (wrong: Wrong | undefined, value: unknown): Wrong | undefined =>
  wrong?.path.length === 0 && wrong.got !== undefined ? { ...wrong, got: kindOf(value) } : wrong

function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value !== 'string') return kindOf(value)
  const quoted = JSON.stringify(value)
  return quoted.length > 60 ? `${quoted.slice(0, 56)}..."` : quoted
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value === 'string' ? 'text' : typeof value}`
}
