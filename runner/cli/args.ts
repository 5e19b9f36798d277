/** The arguments of tasks. Each factory returns a required, positional argument; `optional()` turns it into a flag. */
import type { Arg } from '../task.ts'

interface ValueDefinition<T> {
  readonly description: string
  readonly placeholder: string
  readonly choices?: readonly string[]
  parse(raw: string): T
}

/** `optional()` always returns the same object, because two tasks share an argument only if they use the same object. */
function value<T>(definition: ValueDefinition<T>): Arg<T> {
  const help = {
    kind: 'value' as const,
    description: definition.description,
    placeholder: definition.placeholder,
    ...(definition.choices && { choices: definition.choices }),
  }
  const optional: Arg<T | undefined> = {
    ...help,
    required: false,
    parse: raw => (raw === undefined ? undefined : definition.parse(String(raw))),
    optional: () => optional,
  }
  return { ...help, required: true, parse: raw => definition.parse(String(raw ?? '')), optional: () => optional }
}

/** `Intl.ListFormat` would cost 60 ms at every start. */
const either = (names: readonly string[]): string =>
  names.length < 3 ? names.join(' or ') : `${names.slice(0, -1).join(', ')}, or ${names.at(-1)}`

/** One of several names. `pick` turns the name into the value; undefined means that there is no such value. */
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
      if (picked === undefined) throw new Error(`it must be ${either(choices)}`)
      return picked
    },
  })
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/**
 * Factories of arguments.
 *
 * @example args: { lines: arg.integer('How many lines').optional() }
 */
export const arg = {
  /** A non-empty text. */
  text: (description: string): Arg<string> =>
    value({
      description,
      placeholder: 'text',
      parse(raw) {
        if (raw === '') throw new Error('it must not be empty')
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
          throw new Error('it must be a whole number, such as 12')
        return number
      },
    }),
  /** A duration such as 500ms, 30s, 5m or 1h; the value is in milliseconds. */
  duration: (description: string): Arg<number> =>
    value({
      description,
      placeholder: 'duration',
      parse(raw) {
        const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(raw) ?? []
        if (amount === undefined || unit === undefined)
          throw new Error('it must be a duration such as 500ms, 30s, 5m or 1h')
        return Number(amount) * UNITS[unit as keyof typeof UNITS]
      },
    }),
  /**
   * One of several texts.
   *
   * @example arg.choice(['fast', 'safe'], 'How to do it')
   */
  choice: <const C extends readonly string[]>(choices: C, description: string): Arg<C[number]> =>
    from<C[number]>('choice', choices, name => name, description),
  from,
  /** A switch without a value: true if it was given. */
  flag(description: string): Arg<boolean> {
    const argument: Arg<boolean> = {
      kind: 'flag',
      required: false,
      description,
      parse: raw => raw === true,
      optional: () => argument,
    }
    return argument
  },
}
