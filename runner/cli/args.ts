/** What a task can want from the command line. Each maker gives a required argument; `optional()` makes it a flag. */
import type { Arg } from '../task.ts'

interface ValueDefinition<T> {
  readonly description: string
  readonly placeholder: string
  readonly choices?: readonly string[]
  parse(raw: string): T
}

/** The optional form is made once, so that two tasks that use it use the same argument. */
function value<T>(definition: ValueDefinition<T>): Arg<T> {
  const shown = {
    kind: 'value' as const,
    description: definition.description,
    placeholder: definition.placeholder,
    ...(definition.choices && { choices: definition.choices }),
  }
  const optional: Arg<T | undefined> = {
    ...shown,
    required: false,
    parse: raw => (raw === undefined ? undefined : definition.parse(String(raw))),
    optional: () => optional,
  }
  return { ...shown, required: true, parse: raw => definition.parse(String(raw ?? '')), optional: () => optional }
}

/** `Intl.ListFormat` says the same, and costs 60 ms at every start. */
const either = (names: readonly string[]): string =>
  names.length < 3 ? names.join(' or ') : `${names.slice(0, -1).join(', ')}, or ${names.at(-1)}`

/** One of several names; `pick` turns the name into the value that the task gets, and may return undefined for "no such one". */
function from<T>(
  placeholder: string,
  choices: readonly string[],
  pick: (name: string) => T | undefined,
  description = `One of ${either(choices)}`,
): Arg<T> {
  return value({
    description,
    placeholder,
    choices,
    parse(raw) {
      const picked = choices.includes(raw) ? pick(raw) : undefined
      if (picked === undefined) throw new Error(`it is ${either(choices)}`)
      return picked
    },
  })
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** The makers of arguments: `args: { lines: arg.integer('How many lines').optional() }`. */
export const arg = {
  /** Any text but the empty one. */
  text: (description: string): Arg<string> =>
    value({
      description,
      placeholder: 'text',
      parse(raw) {
        if (raw === '') throw new Error('it is empty')
        return raw
      },
    }),
  /** A whole number, such as 12. */
  integer: (description: string): Arg<number> =>
    value({
      description,
      placeholder: 'number',
      parse(raw) {
        const number = Number(raw)
        if (!/^[+-]?\d+$/.test(raw) || !Number.isSafeInteger(number))
          throw new Error('it is a whole number, such as 12')
        return number
      },
    }),
  /** A time such as 500ms, 30s, 5m or 1h; the task gets milliseconds. */
  duration: (description: string): Arg<number> =>
    value({
      description,
      placeholder: 'duration',
      parse(raw) {
        const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(raw) ?? []
        if (amount === undefined || unit === undefined) throw new Error('it is a time such as 500ms, 30s, 5m or 1h')
        return Number(amount) * UNITS[unit as keyof typeof UNITS]
      },
    }),
  /** One of some words: `arg.choice(['fast', 'safe'], 'How to do it')`. */
  choice: <const C extends readonly string[]>(choices: C, description: string): Arg<C[number]> =>
    from<C[number]>('choice', choices, name => name, description),
  from,
  /** A switch: true when it was given. */
  flag(description: string): Arg<boolean> {
    const made: Arg<boolean> = {
      kind: 'flag',
      required: false,
      description,
      parse: raw => raw === true,
      optional: () => made,
    }
    return made
  },
}
