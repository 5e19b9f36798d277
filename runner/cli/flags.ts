/** Parses the command line after `npx task`. */
import { parseArgs } from 'node:util'
import { destinationNames } from '../destination.ts'
import type { Plan } from '../engine/plan.ts'
import { Fault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'
import { hostNames, roleNames } from '../hosts.ts'
import { scopesOf } from '../secrets/collect.ts'
import type { Arg, Scope } from '../task.ts'
import { kebab } from './commands-of.ts'
import { nearest } from './suggest.ts'

/** The flags that every command has. */
export const globalFlags = {
  help: { type: 'boolean', short: 'h', description: 'Show what a command does, its steps, flags and examples' },
  version: { type: 'boolean', short: 'v', description: 'Show the version of switchyard' },
  taskfile: { type: 'string', description: 'Use another Taskfile', placeholder: 'path' },
  destination: {
    type: 'string',
    short: 'd',
    description: 'Use this destination of the Taskfile, such as staging',
    placeholder: 'name',
  },
  host: { type: 'string', description: 'Only these hosts of the Taskfile, such as web-1,web-2', placeholder: 'names' },
  without: { type: 'string', description: 'All hosts of the Taskfile but these', placeholder: 'names' },
  role: { type: 'string', description: 'Only the hosts of these roles, such as worker', placeholder: 'names' },
  limit: {
    type: 'string',
    description: 'How many hosts work at once before a switch, and switch at once in a rolling one, such as 4',
    placeholder: 'number',
  },
  serial: { type: 'boolean', description: 'One host after the other before a switch, as --limit 1' },
  yes: { type: 'boolean', short: 'y', description: 'Do not ask before a destination such as production is changed' },
  json: { type: 'boolean', description: 'Print one JSON event a line on standard output, and nothing else' },
  verbose: { type: 'boolean', description: 'Show all output of all steps' },
  'dry-run': { type: 'boolean', description: 'Change nothing, and print each change instead' },
  timings: { type: 'boolean', description: 'Show the duration and the network traffic of each step' },
} as const satisfies Record<
  string,
  { type: 'boolean' | 'string'; short?: string; description: string; placeholder?: string }
>

/** The values of the flags that every command has. */
export interface Globals {
  readonly help: boolean
  readonly version: boolean
  readonly taskfile: string | undefined
  readonly destination: string | undefined
  readonly host: string | undefined
  readonly without: string | undefined
  readonly role: string | undefined
  readonly limit: string | undefined
  readonly serial: boolean
  readonly yes: boolean
  readonly json: boolean
  readonly verbose: boolean
  readonly dryRun: boolean
  readonly timings: boolean
}

interface Flag {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  readonly placeholder?: string
}

type Token =
  | { kind: 'positional'; value: string }
  | { kind: 'option'; name: string; rawName: string; value: string | undefined; inlineValue: boolean | undefined }
  | { kind: 'option-terminator' }

/** Node's parser splits the command line; the flags are checked here, for better messages. */
export function tokens(argv: readonly string[], flags: Readonly<Record<string, Flag>>): Token[] {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  )
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

/**
 * The flags that every command has, and the command's name, if any. `commandLine` parses the command's own flags, which are known only when the Taskfile
 * was loaded.
 *
 * @throws FLAG_WITHOUT_VALUE for a flag without its value, DESTINATION_TWICE
 */
export function globalsOf(argv: readonly string[]): { globals: Globals; command: string | undefined } {
  const found = tokens(argv, globalFlags)
  const options = found.flatMap(token => (token.kind === 'option' ? [token] : []))
  const has = (name: keyof typeof globalFlags) => options.some(option => option.name === name)
  const value = (flag: 'taskfile' | 'destination' | 'host' | 'without' | 'role' | 'limit') => {
    const found = options.findLast(({ name }) => name === flag)
    if (found && !found.value)
      throw runnerFaults.FLAG_WITHOUT_VALUE({ flag: `--${flag}`, ...globalFlags[flag], got: undefined })
    return found?.value
  }
  const destination = value('destination')
  const other = options.find(({ name, value }) => name === 'destination' && value !== destination)
  if (destination !== undefined && other)
    throw runnerFaults.DESTINATION_TWICE({ first: other.value ?? '', second: destination })
  return {
    globals: {
      help: has('help'),
      version: has('version'),
      taskfile: value('taskfile'),
      destination,
      host: value('host'),
      without: value('without'),
      role: value('role'),
      limit: value('limit'),
      serial: has('serial'),
      yes: has('yes'),
      json: has('json'),
      verbose: has('verbose'),
      dryRun: has('dry-run'),
      timings: has('timings'),
    },
    command: found.find(token => token.kind === 'positional')?.value,
  }
}

/** The value of a flag such as `--taskfile`, if any, even if the rest of the command line is invalid. */
export const valueIn = (argv: readonly string[], flag: 'taskfile' | 'destination'): string | undefined =>
  tokens(argv, globalFlags)
    .flatMap(token => (token.kind === 'option' && token.name === flag && token.value ? [token.value] : []))
    .at(-1)

/** The flags that every command of a Taskfile has: without destinations, or with one host, it needs none of their flags. */
export function flagsShown(
  scopes: ReadonlySet<Scope>,
): readonly (readonly [string, (typeof globalFlags)[GlobalFlag]])[] {
  const unused = unusedFlags(scopes)
  return (Object.keys(globalFlags) as GlobalFlag[])
    .filter(name => !unused.includes(name))
    .map(name => [name, globalFlags[name]])
}

const unusedFlags = (scopes: ReadonlySet<Scope>): readonly GlobalFlag[] => [
  ...(destinationNames(scopes).length > 0 ? [] : (['destination', 'yes'] as const)),
  ...(hostNames(scopes).length > 0 ? [] : (['host', 'without', 'limit', 'serial'] as const)),
  ...(roleNames(scopes).length > 0 ? [] : (['role'] as const)),
]

/** Flags whose names a task may use for arguments of its own, if they are not used otherwise. */
const FREE: readonly string[] = ['host', 'without', 'role', 'limit', 'serial'] satisfies GlobalFlag[]

type GlobalFlag = keyof typeof globalFlags

/** The command that `task help deploy` is about, if any. */
export const commandAfterHelp = (argv: readonly string[]): string | undefined =>
  tokens(argv, globalFlags).filter(token => token.kind === 'positional')[1]?.value

/** Checks the flags of a command line without a command. @throws UNKNOWN_FLAG, FLAG_WITHOUT_VALUE, FLAG_WITH_VALUE */
export function onlyGlobals(argv: readonly string[]): void {
  for (const token of tokens(argv, globalFlags)) if (token.kind === 'option') check(token, globalFlags, undefined)
}

/** `--help` needs no arguments, but unknown flags are still reported. */
export function onlyFlagsOf(argv: readonly string[], plan: Plan): void {
  const flags = flagsOf(plan)
  for (const token of tokens(argv, flags))
    if (token.kind === 'option' && !Object.hasOwn(flags, token.name)) check(token, flags, plan.command)
}

/**
 * The values of a command's arguments, by name in the task.
 *
 * @throws UNKNOWN_FLAG, FLAG_WITHOUT_VALUE, FLAG_WITH_VALUE and the ARGUMENT_ faults
 */
export function commandLine(argv: readonly string[], plan: Plan): Readonly<Record<string, unknown>> {
  const flags = flagsOf(plan)
  const raw = new Map<string, string | true | readonly string[]>()
  const set = (name: string, value: string | true) => {
    const before = raw.get(name)
    if (before !== undefined && before !== value)
      throw runnerFaults.ARGUMENT_TWICE({ argument: kebab(name), first: String(before), second: String(value) })
    raw.set(name, value)
  }

  const rest = [...plan.args].find(([, arg]) => arg.kind === 'rest')?.[0]
  const found = tokens(argv, flags)
  const end = found.findIndex(({ kind }) => kind === 'option-terminator')
  const [before, after] = rest === undefined || end < 0 ? [found, []] : [found.slice(0, end), found.slice(end + 1)]
  if (rest !== undefined && after.length > 0) raw.set(rest, positionalsOf(after))
  for (const token of before) {
    if (token.kind !== 'option') continue
    check(token, flags, plan.command)
    const own = [...plan.args.keys()].find(name => kebab(name) === token.name)
    if (own !== undefined) set(own, token.value ?? true)
  }

  const places = placesOf(plan).map(([name]) => name)
  for (const value of positionalsOf(before).slice(1)) {
    const name = places.find(candidate => !raw.has(candidate)) ?? places[0]
    if (name === undefined) throw runnerFaults.ARGUMENT_UNEXPECTED({ command: plan.command, value, usage: usage(plan) })
    set(name, value)
  }
  return Object.fromEntries([...plan.args].map(([name, arg]) => [name, valueFor(plan, name, arg, raw.get(name))]))
}

const positionalsOf = (found: readonly Token[]): string[] =>
  found.flatMap(token => (token.kind === 'positional' ? [token.value] : []))

/** The arguments that can be given without their flag, in the order of their places. */
export const placesOf = ({ args }: Plan): readonly (readonly [string, Arg])[] => [
  ...[...args].filter(([, { required, kind }]) => required && kind !== 'rest'),
  ...[...args].filter(([, arg]) => !arg.required && arg.positional),
]

/** An argument in its place: `<slot>`, or `[release]` for one that may be left out. */
export const placeText = ([name, { required }]: readonly [string, Arg]): string =>
  required ? `<${kebab(name)}>` : `[${kebab(name)}]`

/** The argument that takes everything after `--`, if any. */
export const restOf = (plan: Plan): Arg | undefined => [...plan.args.values()].find(({ kind }) => kind === 'rest')

/** The command with the arguments that need no flag: `promote <slot>`, `exec -- <command>`. */
export const usage = (plan: Plan): string => {
  const rest = restOf(plan)
  return [plan.command, ...placesOf(plan).map(placeText), ...(rest?.required ? [restText(rest)] : [])].join(' ')
}

/** `-- <command>...` */
export const restText = ({ placeholder = 'words' }: Arg): string => `-- <${placeholder}>...`

/** @throws ARGUMENT_RESERVED, SHORT_FLAG_TAKEN */
function flagsOf(plan: Plan): Readonly<Record<string, Flag>> {
  const own: Record<string, Flag> = {}
  const free = unusedFlags(scopesOf(plan.steps.map(({ task }) => task))).filter(name => FREE.includes(name))
  const shorts = new Map<string, string>()
  for (const [name, { short }] of Object.entries<Flag>(globalFlags)) if (short) shorts.set(short, name)
  for (const [name, { kind, short, placeholder }] of plan.args) {
    // What follows `--` has no flag.
    if (kind === 'rest') continue
    const flag = kebab(name)
    const title = () => plan.steps.find(({ task }) => Object.hasOwn(task.args, name))?.title ?? plan.title
    // A task may use --yes for a question of its own: it answers that of a destination as well.
    if (Object.hasOwn(globalFlags, flag) && !(flag === 'yes' && kind === 'flag') && !free.some(name => name === flag))
      throw runnerFaults.ARGUMENT_RESERVED({ argument: name, title: title() })
    const other = short === undefined ? undefined : shorts.get(short)
    if (short !== undefined && other !== undefined)
      throw runnerFaults.SHORT_FLAG_TAKEN({ short, argument: name, title: title(), other })
    if (short !== undefined) shorts.set(short, flag)
    own[flag] = {
      type: kind === 'flag' ? 'boolean' : 'string',
      placeholder: placeholder ?? flag,
      ...(short !== undefined && { short }),
    }
  }
  return { ...globalFlags, ...own }
}

function check(
  { name, rawName, value, inlineValue }: Extract<Token, { kind: 'option' }>,
  flags: Readonly<Record<string, Flag>>,
  command: string | undefined,
): void {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (!flag) {
    const near = nearest(name, Object.keys(flags))
    throw runnerFaults.UNKNOWN_FLAG({ flag: rawName, command, near: near && `--${near}` })
  }
  if (flag.type === 'boolean' && value !== undefined) throw runnerFaults.FLAG_WITH_VALUE({ flag: rawName, value })
  if (flag.type !== 'string') return
  const placeholder = flag.placeholder ?? name
  const another = !inlineValue && value !== undefined && /^-(?!\d)./.test(value)
  if (value === undefined || another)
    throw runnerFaults.FLAG_WITHOUT_VALUE({ flag: rawName, placeholder, got: another ? value : undefined })
}

function valueFor(plan: Plan, name: string, arg: Arg, raw: string | true | readonly string[] | undefined): unknown {
  if (raw === undefined && arg.required) {
    const allowed = arg.choices?.join(' or ') ?? arg.description
    throw runnerFaults.ARGUMENT_MISSING({ command: plan.command, argument: kebab(name), allowed, usage: usage(plan) })
  }
  try {
    return arg.parse(raw)
  } catch (error) {
    // A fault has its own message and hint.
    if (error instanceof Fault) throw error
    const value = String(raw)
    const near = arg.choices && nearest(value, arg.choices)
    const argument = arg.required || arg.positional ? `<${kebab(name)}>` : `--${kebab(name)}`
    const reason = (error as Error).message
    throw runnerFaults.ARGUMENT_INVALID({ argument, value, reason, near, command: plan.command }, error)
  }
}
