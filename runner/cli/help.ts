/** What `npx task` and `npx task <command> --help` print. */

import type { Plan } from '../engine/plan.ts'
import { table, wrapped } from '../output/table.ts'
import type { Arg } from '../task.ts'
import { type Commands, kebab } from './commands-of.ts'
import { commandLine, globalFlags, usage } from './flags.ts'

/** All commands with their titles. */
export function listText(commands: Commands, file: string, columns?: number): string {
  const lines = (rows: Rows) => tableLines(rows, columns)
  return [
    'npx task <command> [flags]',
    '',
    ...lines([...commands].map(([name, { title }]) => [name, title])),
    '',
    'Flags of every command:',
    ...lines(Object.entries(globalFlags).map(([name, flag]) => [spelled(name, flag), flag.description])),
    '',
    ...wrapped(`npx task <command> --help tells more. The tasks are in ${file}.`, columns),
    ...wrapped('npx task completion <shell> prints what makes Tab complete all this, in bash, zsh and fish.', columns),
  ].join('\n')
}

/** What a command does, its steps, its arguments and flags, and examples. */
export function commandText(plan: Plan, columns?: number): string {
  const lines = (rows: Rows) => tableLines(rows, columns)
  const { task } = plan
  const rows = [...plan.args]
  const required = rows.filter(([, arg]) => arg.required)
  const flags = rows.filter(([, arg]) => !arg.required)
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', `${title}:`, ...lines])
  return [
    `npx task ${usage(plan)}${flags.length > 0 ? ' [flags]' : ''}`,
    '',
    task.title,
    ...(task.description?.split('\n') ?? []).flatMap(line => wrapped(line, columns)),
    ...section(
      'Steps',
      plan.steps.map(({ title }, i) => `  ${String(i + 1).padStart(String(plan.steps.length).length)}. ${title}`),
    ),
    ...section(
      'Arguments',
      lines(required.map(([argument, arg]) => [`<${kebab(argument)}>, --${kebab(argument)}`, aboutOf(arg)])),
    ),
    ...section(
      'Flags',
      lines([
        ...flags.map(
          ([argument, arg]) => [spelled(kebab(argument), { ...arg, type: arg.kind }), aboutOf(arg)] as const,
        ),
        ...Object.entries(globalFlags).map(([flag, about]) => [spelled(flag, about), about.description] as const),
      ]),
    ),
    ...section(
      'Examples',
      examplesOf(plan).map(example => `  npx task ${example}`),
    ),
  ].join('\n')
}

/** Two command lines that really parse: the task's own examples, else some that are made from its arguments. */
export function examplesOf(plan: Plan): string[] {
  const parses = (example: string) => {
    try {
      const [command, ...rest] = words(example)
      if (command !== plan.command) return false
      commandLine([command, ...rest], plan)
      return true
    } catch {
      return false
    }
  }
  const required = [...plan.args.values()].filter(arg => arg.required).map(sample)
  const plain = [plan.command, ...required].join(' ')
  const flags = [...plan.args]
    .filter(([, arg]) => !arg.required)
    .map(([name, arg]) => `${plain} --${kebab(name)}${arg.kind === 'flag' ? '' : ` ${sample(arg)}`}`)
  const made = [plain, ...flags, `${plain} --dry-run`, `${plain} --verbose`]
  // Its examples name it as its scope does.
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

/** A value that the argument takes. */
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
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
}

function aboutOf(arg: Arg): string {
  const choices = arg.choices?.join(' or ')
  return choices === undefined || arg.description.includes(choices)
    ? arg.description
    : `${arg.description} (${choices})`
}

function spelled(name: string, flag: { type: string; short?: string; placeholder?: string }): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  return `${short}--${name}${flag.type === 'boolean' || flag.type === 'flag' ? '' : ` <${flag.placeholder ?? name}>`}`
}

type Rows = readonly (readonly [string, string])[]

/** Two columns behind an indent, in lines. */
const tableLines = (rows: Rows, columns: number | undefined): string[] =>
  rows.length === 0
    ? []
    : table(rows, { columns: columns && columns - 2 })
        .split('\n')
        .map(line => `  ${line}`)
