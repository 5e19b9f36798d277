/**
 * Validation of the names that become part of paths, units and configuration. Names are validated once, before a host is contacted; the error states
 * the rule.
 */
import type { Fault } from '../runner/fault.ts'
import { slotFaults } from './faults.ts'

interface Rule {
  readonly label: string
  readonly pattern: RegExp
  readonly rule: string
}

const RULES = {
  app: {
    label: 'application name',
    pattern: /^[a-z][a-z0-9_]{0,30}$/,
    rule: 'a lower-case letter, then at most 30 lower-case letters, digits or underscores',
  },
  slot: {
    label: 'slot name',
    pattern: /^[a-z][a-z0-9_]{0,15}$/,
    rule: 'a lower-case letter, then at most 15 lower-case letters, digits or underscores',
  },
  destination: {
    label: 'destination',
    pattern: /^[a-z][a-z0-9_-]{0,30}$/,
    rule: 'a lower-case letter, then at most 30 lower-case letters, digits, underscores or dashes',
  },
  user: {
    label: 'user name',
    pattern: /^[a-z_][a-z0-9_-]{0,30}$/,
    rule: 'a lower-case letter, then at most 30 lower-case letters, digits, dashes or underscores',
  },
  database: {
    label: 'database',
    pattern: /^[a-z][a-z0-9_]{0,62}$/,
    rule: 'a lower-case letter, then at most 62 lower-case letters, digits or underscores',
  },
  package: {
    label: 'Debian package',
    pattern: /^[a-z0-9][a-z0-9+.-]{1,99}$/,
    rule: 'the name of a package, such as `nodejs`, of lower-case letters, digits, plus signs, dashes and dots',
  },
  version: {
    label: 'version',
    pattern: /^[0-9A-Za-z][0-9A-Za-z._+-]{0,63}$/,
    rule: 'a letter or digit, then at most 63 letters, digits, or any of . _ + -',
  },
  release: {
    label: 'release',
    pattern: /^[0-9A-Za-z][0-9A-Za-z._+-]{0,71}$/,
    rule: 'a version such as 0.1.1, or the name of a release such as 0.1.1-3fa9c21, as `npx task releases` lists them',
  },
  shared: {
    label: 'shared path of a release',
    pattern: /^(?!\/)(?:(?:^|\/)(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.][A-Za-z0-9._-]*)+$/,
    rule: 'a path in the release, such as `storage` or `priv/uploads`, of letters, digits, dots, underscores and dashes',
  },
  root: {
    label: 'folder on the host',
    pattern: /^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,}$/,
    rule: 'an absolute path of at least two names, each of letters, digits, dots, underscores and dashes',
  },
} as const satisfies Record<string, Rule>

/** Returns `value` if it is valid for its kind. Throws `NAME_INVALID` otherwise. @param field the option of the Taskfile that has it */
export function validateName(kind: keyof typeof RULES, value: string, field: readonly string[] = []): string {
  const { label, pattern, rule } = RULES[kind]
  if (!pattern.test(value)) throw inField(field, slotFaults.NAME_INVALID({ label, value, rule }))
  return value
}

/** Returns the name of a slot if it is valid, and is not what a router has beside the slots. Throws `NAME_INVALID` otherwise. */
export function slotName(name: string): string {
  const field = ['slots', name]
  // A router that looks for files finds its canary beside the file that names the live slot.
  if (name === 'canary')
    throw inField(
      field,
      slotFaults.NAME_INVALID({
        label: RULES.slot.label,
        value: name,
        rule: 'another name: a canary is the share of the traffic that `npx task promote <slot> --percent` begins',
      }),
    )
  return validateName('slot', name, field)
}

/** The same fault, with the place of an option in the Taskfile. */
export const inField = (field: readonly string[], fault: Fault): Fault => Object.assign(fault, { field })

/** Returns the port if it is an integer that does not require root to bind. Throws `NAME_INVALID` otherwise. */
export function port(slot: string, value: number): number {
  if (!Number.isInteger(value) || value < 1024 || value > 65535)
    throw inField(
      ['slots', slot, 'port'],
      slotFaults.NAME_INVALID({
        label: `port of the slot ${slot}`,
        value: String(value),
        rule: 'a whole number from 1024 to 65535',
      }),
    )
  return value
}
