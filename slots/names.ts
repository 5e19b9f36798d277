/**
 * The names from which paths, units and configuration are built. They are checked once, before anything is built from
 * them: what does not match is refused with the rule, and nothing was contacted.
 */
import { slotFaults } from './faults.ts'

interface Rule {
  readonly what: string
  readonly pattern: RegExp
  readonly words: string
}

const RULES = {
  app: {
    what: 'application name',
    pattern: /^[a-z][a-z0-9_]{0,30}$/,
    words: 'a small letter, then at most 30 small letters, digits or underscores',
  },
  slot: {
    what: 'slot name',
    pattern: /^[a-z][a-z0-9_]{0,15}$/,
    words: 'a small letter, then at most 15 small letters, digits or underscores',
  },
  user: {
    what: 'user name',
    pattern: /^[a-z_][a-z0-9_-]{0,30}$/,
    words: 'a small letter, then at most 30 small letters, digits, dashes or underscores',
  },
  version: {
    what: 'version',
    pattern: /^[0-9A-Za-z][0-9A-Za-z._+-]{0,63}$/,
    words: 'a letter or digit, then at most 63 letters, digits, or any of . _ + -',
  },
  shared: {
    what: 'shared path of a release',
    pattern: /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/,
    words:
      'a path in the release, such as `storage` or `priv/uploads`, of letters, digits, dots, underscores and dashes',
  },
  root: {
    what: 'folder on the host',
    pattern: /^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,}$/,
    words: 'an absolute path of at least two names, each of letters, digits, dots, underscores and dashes',
  },
} as const satisfies Record<string, Rule>

/** Returns `value` when it follows the rule of its kind, else throws `NAME_INVALID`. */
export function validateName(kind: keyof typeof RULES, value: string): string {
  const { what, pattern, words } = RULES[kind]
  if (!pattern.test(value)) throw slotFaults.NAME_INVALID({ what, value, words })
  return value
}

/** Returns the port when it is a whole number that needs no root, else throws `NAME_INVALID`. */
export function port(slot: string, value: number): number {
  if (!Number.isInteger(value) || value < 1024 || value > 65535)
    throw slotFaults.NAME_INVALID({
      what: `port of the slot ${slot}`,
      value: String(value),
      words: 'a whole number from 1024 to 65535',
    })
  return value
}

/** Returns the paths when each is one, and none lies in another, else throws `NAME_INVALID`. */
export function sharedPaths(paths: readonly string[]): readonly string[] {
  const plain = paths.map(path => validateName('shared', path.replace(/\/$/, '')))
  const { what } = RULES.shared
  for (const value of plain)
    if (plain.filter(other => `${value}/`.startsWith(`${other}/`)).length > 1)
      throw slotFaults.NAME_INVALID({ what, value, words: 'one path for each, none inside another' })
  return plain
}
