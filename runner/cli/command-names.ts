/**
 * What a message calls the commands of a Taskfile. Messages name tasks as the scope that offers them does, such as `npx task promote green`;
 * a Taskfile may export that task under another name, or not at all, and may have been named by `--taskfile`.
 */

import type { AnyTask, Scope } from '../task.ts'
import { kebab } from './commands-of.ts'

export interface Naming {
  /** The words that run the program: `npx task`, and the Taskfile where one was named. */
  readonly program: string
  /** The commands by their names. */
  readonly commands: ReadonlyMap<string, AnyTask>
  /** Whose tasks are meant. */
  readonly scope: Scope | undefined
  /** The text of the Taskfile. */
  readonly source: string
}

/** A command line in a message, and the quote behind it. */
const COMMAND = /\bnpx task(?: ([a-z][a-z-]*)([^`\n;,.]*?(?=[`\n;,.]|$)))?(`?)/g

/** The text with each command as a person has to type it. One that is not exported has the line behind it that exports it. */
export function namingOf({ program, commands, scope, source }: Naming): (text: string) => string {
  const offered = new Map(Object.entries(scope?.tasks?.() ?? {}).map(([name, task]) => [kebab(name), { name, task }]))
  const exported = new Map([...commands].toReversed().map(([name, task]) => [task, name]))
  return text =>
    text.replace(COMMAND, (_, word: string | undefined, rest = '', quote = '') => {
      if (word === undefined) return program + quote
      const standard = offered.get(word)
      const name = standard ? (exported.get(standard.task) ?? (commands.has(word) ? word : undefined)) : word
      if (standard && name === undefined)
        return `${program} ${word}${rest}${quote} (with \`${exportLine(standard.name, source)}\` in the Taskfile)`
      return `${program} ${name}${rest}${quote}`
    })
}

/** `export const { unlock } = tasks`, with the words that this Taskfile has for its tasks. */
export function exportLine(name: string, source: string): string {
  const from = /^export const \{[^}]*\}\s*=\s*([\w$.]+)/m.exec(source)?.[1] ?? 'tasks'
  return `export const { ${name} } = ${from}`
}

/** `npx task`, and the Taskfile that was named, in quotes where a shell needs them. */
export const programWords = (taskfile: string | undefined): string =>
  taskfile === undefined ? 'npx task' : `npx task --taskfile ${quoted(taskfile)}`

const quoted = (word: string): string => (/^[\w./@%+=:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
