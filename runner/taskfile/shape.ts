/**
 * Checks what a Taskfile gives to a factory, field by field. The Taskfile is compiled, but nobody has checked its types: without this a
 * misspelt field would be passed over in silence. `fields<T>` wants a rule for each field of `T`, so a new option cannot be forgotten here.
 */

import { nearest } from '../cli/suggest.ts'
import type { Fault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'

/** What is wrong with a value, and where inside it. */
export interface Wrong {
  readonly path: readonly string[]
  /** The value in words; a field that is missing has none. */
  readonly got?: string
  /** What is allowed there. */
  readonly words?: string
  /** Of a field that there is not: those that there are. */
  readonly known?: readonly string[]
}

interface Base<T> {
  /** What is allowed, such as `a number above 0`. */
  readonly words: string
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
/** One rule for each field of any member of `T`; `optional` exactly where a field may be left out. */
export type Fields<T> = {
  readonly [K in Keys<T>]-?: [T] extends [Needed<T, K>] ? Rule<Field<T, K>> : Optional<Exclude<Field<T, K>, undefined>>
}

/** A value that is one thing, as its test says. */
export const thing = <T>(words: string, test: (value: unknown) => boolean): Rule<T> => ({
  words,
  check: value => (test(value) ? undefined : { path: [], got: inWords(value), words }),
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
export const flag: Rule<boolean> = thing('true or false', value => typeof value === 'boolean')
export const number = (words: string, test: (value: number) => boolean): Rule<number> =>
  thing(words, value => typeof value === 'number' && !Number.isNaN(value) && test(value))
export const atLeast = (least: number, unit = ''): Rule<number> =>
  number(`a number${unit && ` of ${unit}`}, at least ${least}`, value => value >= least)
export const count = (least: number): Rule<number> =>
  number(`a whole number, at least ${least}`, value => Number.isSafeInteger(value) && value >= least)
export const call = <T>(words: string): Rule<T> => thing(words, value => typeof value === 'function')

export const oneOf = <const C extends readonly (string | boolean)[]>(...choices: C): Rule<C[number]> =>
  thing(choices.map(choice => JSON.stringify(choice)).join(' or '), value => choices.includes(value as C[number]))

/** A value that may be left out, or be undefined, as `env.NAME` may. */
export const optional = <T>(rule: Rule<T>): Optional<T> => ({
  ...rule,
  optional: true,
  check: value => (value === undefined ? undefined : rule.check(value)),
})

/** The same rule in other words, where it is about the value itself and not about something inside it. */
export const worded = <T>(words: string, rule: Rule<T>): Rule<T> => ({
  words,
  check(value) {
    const wrong = rule.check(value)
    return wrong && wrong.path.length === 0 && !wrong.known ? { ...wrong, words } : wrong
  },
})

/** What the first rule allows, or else the second, whose complaint is given when neither does. */
export const either = <A, B>(first: Rule<A>, second: Rule<B>, words = `${first.words}, or ${second.words}`) =>
  worded<A | B>(words, { words, check: value => first.check(value) && second.check(value) })

export const list = <T>(rule: Rule<T>): Rule<readonly T[]> => ({
  words: `a list, each ${rule.words}`,
  check(value) {
    if (!Array.isArray(value)) return { path: [], got: inWords(value), words: this.words }
    return first(value.map((one, i) => [String(i), rule.check(one)]))
  },
})

/** An object with any names, such as an environment: what it holds may be secret, and is in no message. */
export const record = <T>(rule: Rule<T>): Rule<Readonly<Record<string, T>>> => ({
  words: `an object, each value ${rule.words}`,
  check(value) {
    if (!isObject(value)) return { path: [], got: inWords(value), words: this.words }
    return first(Object.entries(value).map(([name, one]) => [name, secretly(rule.check(one), one)]))
  },
})

/** An object with these fields and no others. */
export function fields<T>(rules: Fields<T>, words = 'an object with its options'): Rule<T> {
  const known = rules as Readonly<Record<string, Rule<unknown> | Optional<unknown>>>
  const names = Object.keys(known)
  return {
    words,
    check(value) {
      if (!isObject(value)) return { path: [], got: inWords(value), words }
      const strange = Object.keys(value).find(name => !names.includes(name))
      if (strange !== undefined) return { path: [strange], known: names }
      return first(
        names.map(name => {
          const rule = known[name]
          const there = Object.hasOwn(value, name) && value[name] !== undefined
          if (!there && rule && !rule.optional) return [name, { path: [], words: rule.words }]
          return [name, there ? rule?.check(value[name]) : undefined]
        }),
      )
    },
  }
}

/** Returns the value when it follows the rule, else throws an `OPTION_` fault that knows which field it is about. */
export function checked<T>(factory: string, rule: { check(value: unknown): Wrong | undefined }, value: T): T {
  const wrong = rule.check(value)
  if (wrong) throw faultOf(factory, wrong)
  return value
}

function faultOf(factory: string, { path, got, words = '', known }: Wrong): Fault {
  const field = path.join('.')
  const made = () => {
    if (known) {
      const near = nearest(path.at(-1) ?? '', known)
      return runnerFaults.OPTION_UNKNOWN({ factory, field, near, known })
    }
    if (got === undefined) return runnerFaults.OPTION_MISSING({ factory, field, words })
    return runnerFaults.OPTION_INVALID({ factory, field, got, words })
  }
  // What is missing stands nowhere: what it is missing in does.
  return Object.assign(made(), { field: known || got !== undefined ? path : path.slice(0, -1) })
}

function first(found: readonly (readonly [string, Wrong | undefined])[]): Wrong | undefined {
  for (const [name, wrong] of found) if (wrong) return { ...wrong, path: [name, ...wrong.path] }
  return undefined
}

export const isUrl = (value: unknown): boolean =>
  typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const secretly = (wrong: Wrong | undefined, value: unknown): Wrong | undefined =>
  wrong?.path.length === 0 && wrong.got !== undefined ? { ...wrong, got: kindOf(value) } : wrong

function inWords(value: unknown): string {
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
