/** Reads variables from the text that a vendor's program prints. */
import { type Environment, parseEnvironment } from '../../slots/environment/environment.ts'
import { secretsFaults as faults } from './faults.ts'

interface Origin {
  readonly program: string
  readonly title: string
}

export const FLAT = 'an object of texts, numbers and booleans, or as lines NAME=value'
const isVariable = (name: string) => /^[A-Za-z_]\w*$/.test(name)

/** Parses JSON that a program printed. The error has none of it. */
export function jsonOf(origin: Origin, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw faults.SECRETS_UNREADABLE({ ...origin, why: 'it is not JSON', expected: FLAT })
  }
}

/** The variables of an object without nested ones. @throws SECRETS_UNREADABLE with the name of a value that is none */
export function variablesOf(origin: Origin, value: unknown, expected = FLAT): Environment {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw faults.SECRETS_UNREADABLE({ ...origin, why: 'it is not an object', expected })
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const problem = !isVariable(name)
        ? 'is not the name of a variable'
        : ['string', 'number', 'boolean'].includes(typeof item)
          ? undefined
          : 'is not a text'
      if (problem) throw faults.SECRETS_UNREADABLE({ ...origin, why: `${JSON.stringify(name)} ${problem}`, expected })
      return [name, String(item)]
    }),
  )
}

/** The variables of a text: JSON, or an environment file. @throws SECRETS_UNREADABLE, ENV_LINE_INVALID */
export async function variablesIn(origin: Origin, text: string): Promise<Environment> {
  if (/^\s*\{/.test(text)) return variablesOf(origin, jsonOf(origin, text))
  const { parse } = await import('dotenv')
  return parseEnvironment(text, origin.title, parse)
}

/** The variables of a list of named values, of which only those with the name of a variable are taken. */
export function variablesNamed(
  origin: Origin,
  pairs: readonly (readonly [name: string, value: unknown])[],
  expected: string,
): Environment {
  const found = pairs.filter(([name, value]) => isVariable(name) && typeof value === 'string')
  if (found.length === 0) throw faults.SECRETS_UNREADABLE({ ...origin, why: 'nothing in it has such a name', expected })
  return variablesOf(origin, Object.fromEntries(found), expected)
}

/** The property of an unknown value. */
export const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inside, key) =>
      typeof inside === 'object' && inside !== null ? (inside as Record<string, unknown>)[key] : undefined,
    value,
  )

/** A list of objects; empty for anything else. */
export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}
