/** A command with a time limit, which ends with its script: after Ctrl-C nothing of it is left on the host. */
import { program } from './program.ts'
import { type Script, sh } from './script.ts'

/** Seconds from SIGTERM to SIGKILL after the limit. */
const GRACE = 10

/**
 * Runs one simple command, and sets `code`; see limited.sh. Its stderr goes to stdout.
 *
 * @param limit seconds
 * @param before runs before the command, in the shell that it replaces, with the arguments of this script
 */
export const limited = (command: Script, limit: number, before: Script = sh.read`:`): Script =>
  program(new URL('./limited.sh', import.meta.url), {
    writes: true,
    parameters: { limit, runIt: sh.write`${before}\nexec timeout -k ${GRACE} ${limit} ${command}` },
  })
