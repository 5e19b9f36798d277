/**
 * Adapts the commands in messages to the Taskfile. Messages use the names of the scope that offers the tasks, such as `npx task promote green`; a Taskfile
 * may export that task under another name, or not at all, and may have been given by `--taskfile`, with a destination.
 */

import type { AnyTask, Scope } from '../task.ts'
import { kebab } from './commands-of.ts'
import type { Globals } from './flags.ts'

export interface Naming {
  /** The start of the command line: `npx task`, with `--taskfile` and `-d` if they were given. */
  readonly program: string
  /** The commands by name. */
  readonly commands: ReadonlyMap<string, AnyTask>
  /** The scope whose task names the messages use. */
  readonly scope: Scope | undefined
  /** The source text of the Taskfile. */
  readonly source: string
}

/** A command line in a message, and a backtick after it. */
const COMMAND = /\bnpx task(?: ([a-z][a-z-]*)([^`\n;,.]*?(?=[`\n;,.]|$)))?(`?)/g

/** Returns a function that replaces each command in a text by the one to type. After a task that is not exported it adds the export line. */
export function namingOf({ program, commands, scope, source }: Naming): (text: string) => string {
  const offered = new Map(Object.entries(scope?.tasks?.() ?? {}).map(([name, task]) => [kebab(name), { name, task }]))
  const exported = new Map([...commands].toReversed().map(([name, task]) => [task, name]))
  return text =>
    text.replace(COMMAND, (_, command: string | undefined, rest = '', quote = '') => {
      if (command === undefined) return program + quote
      const standard = offered.get(command)
      const name = standard ? (exported.get(standard.task) ?? (commands.has(command) ? command : undefined)) : command
      if (standard && name === undefined)
        return `${program} ${command}${rest}${quote} (with \`${exportLine(standard.name, source)}\` in the Taskfile)`
      return `${program} ${name}${rest}${quote}`
    })
}

/** `export const { unlock } = tasks`, with this Taskfile's own expression instead of `tasks`. */
export function exportLine(name: string, source: string): string {
  const from = /^export const \{[^}]*\}\s*=\s*([\w$.]+)/m.exec(source)?.[1] ?? 'tasks'
  return `export const { ${name} } = ${from}`
}

/** `npx task`, with `--taskfile` and `-d` if they were given, quoted for a shell. */
export const programText = ({ taskfile, destination }: Pick<Globals, 'taskfile' | 'destination'>): string =>
  [
    'npx task',
    ...(taskfile === undefined ? [] : [`--taskfile ${quoted(taskfile)}`]),
    ...(destination === undefined ? [] : [`-d ${quoted(destination)}`]),
  ].join(' ')

const quoted = (word: string): string => (/^[\w./@%+=:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
