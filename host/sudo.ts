/** Commands that need root: run directly as root, else with `sudo -n`, which never waits for a password. */
import { type Script, sh } from './script.ts'

const prefix = sh.read`$([ $EUID = 0 ] || echo sudo -n)`

/**
 * One simple command as root, to use in a script like any other command. Name the program by its full path: then the arguments match a line of
 * `Provision.sudo` exactly, and the caller's PATH does not matter.
 */
export const asRoot = (args: readonly string[]): Script => sh.write`${prefix} ${args}`

/** As `asRoot`, for a command that only reads: a dry run runs it. */
export const readAsRoot = (args: readonly string[]): Script => sh.read`${prefix} ${args}`

const SHELL = ['bash', '-c', 'set -eu -o pipefail; eval "$(cat)"'] as const

/**
 * A root shell that reads its whole script from standard input before it runs it, so that a lost connection cannot truncate the script. Not an argument,
 * because sudo logs command lines.
 */
export const rootShell: Script = asRoot(SHELL)

/** As `rootShell`, for a script that only reads. */
export const rootReader: Script = readAsRoot(SHELL)

/** A script that only reads, as root if `root`: some files and folders are readable by root alone. */
export const asReader = (root: boolean, script: Script): Script =>
  root ? readAsRoot(['bash', '-eu', '-o', 'pipefail', '-c', script.text]) : script
