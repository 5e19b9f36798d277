/** The texts of `npx task` and `npx task <command> --help`. */

import type { Plan } from '../engine/plan.ts'
import { table, wrapped } from '../output/table.ts'
import { manifest } from '../package.ts'
import { scopesOf } from '../secrets/collect.ts'
import type { Arg } from '../task.ts'
import { type Commands, kebab } from './commands-of.ts'
import { commandLine, flagsShown, placesOf, placeText, restOf, restText, usage } from './flags.ts'

/** All commands with their titles. */
export function listText(commands: Commands, file: string, columns?: number): string {
  const lines = (rows: Rows) => tableLines(rows, columns)
  return [
    'npx task <command> [flags]',
    '',
    ...lines([...commands].map(([name, { title }]) => [name, title])),
    '',
    'Flags of every command:',
    ...lines(flagsShown(scopesOf(commands.values())).map(([name, flag]) => [flagText(name, flag), flag.description])),
    '',
    ...wrapped(`npx task <command> --help shows the details of a command. The tasks are in ${file}.`, columns),
    ...wrapped('npx task explain <code> explains an error, by the code in brackets behind it.', columns),
    ...wrapped('npx task completion <shell> prints a script for completion with Tab, in bash, zsh or fish.', columns),
  ].join('\n')
}

/** The commands that need no Taskfile, in a folder without one. */
export function ownListText(own: Commands, columns?: number): string {
  return [
    'npx task <command> [flags]',
    '',
    ...tableLines(
      [...own].map(([name, { title }]) => [name, title]),
      columns,
    ),
    '',
    ...wrapped(
      `There is no Taskfile.ts here or in a folder above. npx ${manifest().name} init writes one for the application in this folder.`,
      columns,
    ),
    ...wrapped(
      'npx task then lists its commands, such as deploy, and npx task <command> --help shows the details of one.',
      columns,
    ),
  ].join('\n')
}

/** What a command does, its steps, its arguments and flags, and examples. */
export function commandText(plan: Plan, columns?: number): string {
  const lines = (rows: Rows) => tableLines(rows, columns)
  const { task } = plan
  const places = placesOf(plan)
  const rest = restOf(plan)
  const flags = [...plan.args].filter(([, arg]) => !arg.required && !arg.positional && arg.kind !== 'rest')
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', `${title}:`, ...lines])
  return [
    `npx task ${usageWithFlags(plan, flags.length > 0)}`,
    '',
    task.title,
    ...(task.description?.split('\n') ?? []).flatMap(line => wrapped(line, columns)),
    ...section(
      'Steps',
      plan.steps.map(({ title }, i) => `  ${String(i + 1).padStart(String(plan.steps.length).length)}. ${title}`),
    ),
    ...section(
      'Arguments',
      lines([
        ...places.map(([name, arg]) => [`${placeText([name, arg])}, --${kebab(name)}`, descriptionOf(arg)] as const),
        ...(rest ? [[restText(rest), descriptionOf(rest)] as const] : []),
      ]),
    ),
    ...section(
      'Flags',
      lines([
        ...flags.map(
          ([argument, arg]) => [flagText(kebab(argument), { ...arg, type: arg.kind }), descriptionOf(arg)] as const,
        ),
        ...flagsShown(scopesOf([task]))
          .filter(([name]) => !plan.args.has(name))
          .map(([name, flag]) => [flagText(name, flag), flag.description] as const),
      ]),
    ),
    ...section(
      'Examples',
      examplesOf(plan).map(example => `  npx task ${example}`),
    ),
  ].join('\n')
}

/** The flags come before `--`. */
function usageWithFlags(plan: Plan, hasFlags: boolean): string {
  const text = usage(plan)
  if (!hasFlags) return text
  const at = text.indexOf(' -- ')
  return at < 0 ? `${text} [flags]` : `${text.slice(0, at)} [flags]${text.slice(at)}`
}

/** At least two valid command lines: the task's own examples, completed by some that are built from its arguments. */
export function examplesOf(plan: Plan): string[] {
  const parses = (example: string) => {
    try {
      const [command, ...rest] = splitWords(example)
      if (command !== plan.command) return false
      commandLine([command, ...rest], plan)
      return true
    } catch {
      return false
    }
  }
  const plain = [plan.command, ...placesOf(plan).map(([, arg]) => sample(arg))].join(' ')
  const end = restOf(plan)?.required ? ' -- example' : ''
  const flags = [...plan.args]
    .filter(([, arg]) => !arg.required && arg.kind !== 'rest')
    .map(([name, arg]) => ` --${kebab(name)}${arg.kind === 'flag' ? '' : ` ${sample(arg)}`}`)
  const made = ['', ...flags, ' --dry-run', ' --verbose'].map(flag => `${plain}${flag}${end}`)
  // The examples use the scope's name of the task.
  const standard = Object.entries(plan.task.scope?.tasks?.() ?? {}).find(([, task]) => task === plan.task)?.[0]
  const renamed = plan.task.examples.map(example =>
    example.replace(/^\S+/, name => (standard !== undefined && name === kebab(standard) ? plan.command : name)),
  )
  const own = renamed.filter(parses)
  return [...own, ...made.filter(example => parses(example) && !own.includes(example))].slice(
    0,
    Math.max(2, own.length),
  )
}

/** A valid value of the argument. */
function sample(arg: Arg): string {
  const candidates = [...(arg.choices ?? []), '3', '30s', 'example', '2026-01-31', '1.2.3', 'https://example.com']
  const accepted = candidates.find(candidate => {
    try {
      arg.parse(candidate)
      return true
    } catch {
      return false
    }
  })
  return accepted ?? `<${arg.placeholder ?? 'value'}>`
}

/** The words of a command line, with quotes as in a shell. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
}

/** What an argument is for, with its choices. */
export function descriptionOf(arg: Arg): string {
  const choices = arg.choices?.join(' or ')
  return choices === undefined || arg.description.includes(choices)
    ? arg.description
    : `${arg.description} (${choices})`
}

/** A flag as it is written: `-d, --destination <name>`. */
export function flagText(name: string, flag: { type: string; short?: string; placeholder?: string }): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  return `${short}--${name}${flag.type === 'boolean' || flag.type === 'flag' ? '' : ` <${flag.placeholder ?? name}>`}`
}

type Rows = readonly (readonly [string, string])[]

/** The lines of an indented table with two columns. */
const tableLines = (rows: Rows, columns: number | undefined): string[] =>
  rows.length === 0
    ? []
    : table(rows, { columns: columns && columns - 2 })
        .split('\n')
        .map(line => `  ${line}`)
