/** The commands of a service: a line of bash, or the words of one command. Pure. */
import { type Script, sh } from '../../../host/script.ts'
import { type Rule, thing } from '../../../runner/taskfile/shape.ts'
import type { Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { MIGRATED } from '../scripts.ts'
import { unitWord } from '../unit.ts'

/** A line of bash, which may name variables of the slot's environment such as `$PORT`, or the words of a command as they are. */
export type Command = string | readonly string[]

export const commandRule: Rule<Command> = thing(
  'a command line such as "bin/server --port $PORT", or a list of its words',
  value =>
    typeof value === 'string'
      ? value.trim() !== ''
      : Array.isArray(value) && value.every(word => typeof word === 'string') && Boolean(value[0]),
)

const lineOf = (command: Command): string => (typeof command === 'string' ? command : sh.read`${command}`.text)

/** Bash that runs a line strictly: the first command that fails, and a variable that is not set, end it. */
const strictly = (line: string): Script => sh.write`bash -euo pipefail -c ${line}`

/** The command line of a unit's `ExecStart`. The command takes the place of its shell, so that systemd sees the command's own process. */
export const startLine = (command: Command): string => `/bin/bash -uc ${unitWord(`exec ${lineOf(command)}`)}`

/** The program that a command begins with, a path inside the release; undefined when it is found in another way, such as on the PATH. */
export function programIn(command: Command): string | undefined {
  const [, first = ''] = /^\s*([\w.@+/-]+)(?=\s|$)/.exec(lineOf(command)) ?? []
  return first.includes('/') && !first.startsWith('/') ? first.replace(/^\.\//, '') : undefined
}

/** Runs a migration and says, when it has come to its end, that it has. A program of the line that ends with another code than 0 ends it before. */
export const migrateScript = (command: Command): Script => strictly(`${lineOf(command)}\necho done > "$${MIGRATED}"`)

export const consoleScript = (command: Command): Script => strictly(lineOf(command))

/** What each application may need to know of its slot. */
export const environment = (layout: Layout, slot: Slot): Readonly<Record<string, string>> => ({
  PORT: String(slot.port),
  // Without a UTF-8 locale many programs take each byte of their input for a character.
  LANG: 'C.UTF-8',
  SWITCHYARD_SLOT: slot.name,
  TMPDIR: layout.slot(slot.name).tmp,
})
