/** The commands of a service: a bash command line, or a list of arguments. Pure. */
import { type Script, sh } from '../../../host/script.ts'
import { type Rule, thing } from '../../../runner/taskfile/shape.ts'
import { listenVariables } from '../../../slots/address.ts'
import type { Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { MIGRATED } from '../scripts.ts'
import { quoteArgument } from '../unit.ts'

/** A bash command line, which may use variables of the slot's environment such as `$PORT`, or a list of arguments, which are passed unchanged. */
export type Command = string | readonly string[]

export const commandRule: Rule<Command> = thing(
  'a command line such as "bin/server --port $PORT", or a list of arguments',
  value =>
    typeof value === 'string'
      ? value.trim() !== ''
      : Array.isArray(value) && value.every(argument => typeof argument === 'string') && Boolean(value[0]),
)

const commandLine = (command: Command): string => (typeof command === 'string' ? command : sh.read`${command}`.text)

/**
 * Runs a command line in bash that stops at the first failing command or unset variable. `--norc`: a bash that sshd started, directly or not, would read the
 * start-up file of the account.
 */
const strictBash = (line: string): Script => sh.write`bash --norc -euo pipefail -c ${line}`

/**
 * The command line for a unit's `ExecStart`. The command replaces its shell (`exec`), so that systemd supervises the command itself. `before`: shell commands
 * that the shell runs first.
 */
export const execStart = (command: Command, before = ''): string =>
  `/bin/bash -uc ${quoteArgument(`${before}exec ${commandLine(command)}`)}`

/** The program of a command as a path inside the release; undefined if it is located differently, such as on the PATH. */
export function programIn(command: Command): string | undefined {
  const [, first = ''] = /^\s*([\w.@+/-]+)(?=\s|$)/.exec(commandLine(command)) ?? []
  return first.includes('/') && !first.startsWith('/') ? first.replace(/^\.\//, '') : undefined
}

/** Runs a migration and writes its completion file, unless a program in the command line exits with a non-zero code. */
export const migrateScript = (command: Command): Script =>
  strictBash(`${commandLine(command)}\necho done > "$${MIGRATED}"`)

/** A command for a preparation, a hook or a console. */
export const oneCommand = (command: Command): Script => strictBash(commandLine(command))

/** The environment variables that every application gets for its slot. */
export const environment = (layout: Layout, slot: Slot): Readonly<Record<string, string>> => ({
  ...listenVariables(slot),
  // Without a UTF-8 locale many programs treat each byte of their input as one character.
  LANG: 'C.UTF-8',
  SWITCHYARD_SLOT: slot.name,
  // With a user of its own the application has the `/tmp` of its unit: the folder belongs to the deploying user.
  ...(layout.user === undefined && { TMPDIR: layout.slot(slot.name).tmp }),
})
