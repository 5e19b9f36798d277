/** Commands that need root: run as they are by root, and with `sudo -n` (which never waits for a password) by anybody else. */
import { type Script, sh } from './script.ts'

const prefix = sh.read`$([ "$(id -u)" = 0 ] || echo sudo -n)`

/**
 * One simple command as root, which stands in a script wherever a command can. Name the program by its full path: then
 * the words are exactly a line of `Provision.sudo`, and the caller's PATH does not matter.
 */
export const asRoot = (words: readonly string[]): Script => sh.write`${prefix} ${words}`

/** As `asRoot`, for a command that only looks: a dry run runs it. */
export const readAsRoot = (words: readonly string[]): Script => sh.read`${prefix} ${words}`

/** A script that only looks, run as root where that can be had: some files and folders are closed to others. */
export const asReader = (root: boolean, script: Script): Script =>
  root ? readAsRoot(['bash', '-eu', '-o', 'pipefail', '-c', script.text]) : script
