/** The arguments of tasks. Each factory returns a required, positional argument; `optional()` turns it into a flag. */
import type { Arg } from '../task.ts'

interface ArgOptions {
  /** One letter for a short flag: `n` for `-n 20`. `h` and `v` are taken. */
  readonly short?: string
}

interface TextOptions extends ArgOptions {
  /** What the text is, for help: `file` in `--report <file>`. @default 'text' */
  readonly placeholder?: string
}

interface IntegerOptions extends ArgOptions {
  /** @default any number */
  readonly least?: number
}

interface ValueDefinition<T> extends ArgOptions {
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
    ...shortOf(definition),
  }
  const optional: Arg<T | undefined> = {
    ...help,
    required: false,
    parse: raw => (raw === undefined ? undefined : definition.parse(String(raw))),
    optional: () => optional,
  }
  return { ...help, required: true, parse: raw => definition.parse(String(raw ?? '')), optional: () => optional }
}

/** @throws TypeError if it is not one letter */
function shortOf({ short }: ArgOptions): ArgOptions {
  if (short === undefined) return {}
  if (!/^[A-Za-z]$/.test(short)) throw new TypeError(`a short flag is one letter, not ${JSON.stringify(short)}`)
  return { short }
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
const DAY = 86_400_000

/** Milliseconds; undefined for another text. */
function milliseconds(raw: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(raw) ?? []
  return Object.hasOwn(units, unit) ? Number(amount) * (units[unit] ?? 0) : undefined
}

/** A date, with or without a time and a zone. `Date.parse` alone accepts much more, such as `5`. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?) ?(Z|[+-]\d{2}:?\d{2})?)?$/

/** Milliseconds since 1970; NaN for another text. Without a zone it is the local time of this machine, and without a time the start of the day. */
function momentOf(raw: string, now: number): number {
  const ago = milliseconds(raw, { ...UNITS, d: DAY })
  if (ago !== undefined) return now - ago
  const [, date, time = '00:00', zone = ''] = MOMENT.exec(raw) ?? []
  if (date === undefined) return Number.NaN
  const found = new Date(`${date}T${time}${zone.replace(/^(...)(\d)/, '$1:$2')}`)
  // JavaScript takes 2026-02-31 for the third of March.
  const kept = Number(date.slice(-2)) === new Date(`${date}T00:00Z`).getUTCDate()
  return kept ? found.getTime() : Number.NaN
}

/**
 * Factories of arguments.
 *
 * @example args: { lines: arg.integer('How many lines').optional() }
 */
export const arg = {
  /** A non-empty text. */
  text: (description: string, { placeholder = 'text', ...options }: TextOptions = {}): Arg<string> =>
    value({
      ...options,
      description,
      placeholder,
      parse(raw) {
        if (raw === '') throw new Error('it must not be empty')
        return raw
      },
    }),
  /** A whole number, such as 12. */
  integer: (description: string, { least = -Infinity, ...options }: IntegerOptions = {}): Arg<number> =>
    value({
      ...options,
      description,
      placeholder: 'number',
      parse(raw) {
        const number = Number(raw)
        if (!/^[+-]?\d+$/.test(raw) || !Number.isSafeInteger(number))
          throw new Error('it must be a whole number, such as 12')
        if (number < least) throw new Error(`it must be at least ${least}`)
        return number
      },
    }),
  /** A duration such as 500ms, 30s, 5m or 1h; the value is in milliseconds. */
  duration: (description: string, options: ArgOptions = {}): Arg<number> =>
    value({
      ...options,
      description,
      placeholder: 'duration',
      parse(raw) {
        const duration = milliseconds(raw, UNITS)
        if (duration === undefined) throw new Error('it must be a duration such as 500ms, 30s, 5m or 1h')
        return duration
      },
    }),
  /**
   * A moment in the past: how long ago it was, such as 10m, 2h or 3d, or a date and time of this machine, such as `2026-11-26 10:00`. ISO 8601 with a
   * zone is accepted too.
   */
  time: (description: string, options: ArgOptions = {}): Arg<Date> =>
    value({
      ...options,
      description,
      placeholder: 'time',
      parse(raw) {
        const now = Date.now()
        const time = momentOf(raw, now)
        if (Number.isNaN(time)) throw new Error("it must be a time such as 10m, 2h, 3d or '2026-11-26 10:00'")
        if (time > now) throw new Error('it must not be in the future')
        return new Date(time)
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
  flag(description: string, options: ArgOptions = {}): Arg<boolean> {
    const argument: Arg<boolean> = {
      ...shortOf(options),
      kind: 'flag',
      required: false,
      description,
      parse: raw => raw === true,
      optional: () => argument,
    }
    return argument
  },
  /**
   * Everything after `--`, as it is, flags included: `npx task exec -- ls -l`. At least one word; a command has at most one such argument.
   *
   * @param placeholder for help: `-- <command>`
   */
  rest(description: string, placeholder = 'words'): Arg<readonly string[]> {
    const help = { kind: 'rest', description, placeholder } as const
    const listed = (raw: unknown) => (Array.isArray(raw) && raw.length > 0 ? (raw as readonly string[]) : undefined)
    const optional: Arg<readonly string[] | undefined> = {
      ...help,
      required: false,
      parse: listed,
      optional: () => optional,
    }
    return { ...help, required: true, parse: raw => listed(raw) ?? [], optional: () => optional }
  },
}
