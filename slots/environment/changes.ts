/** How a slot's environment changes, by the names alone: the values are compared on the host, and never printed, hashed or sent back. */
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'

/**
 * Prints the names that differ between the slot's environment file and the one that is to come, for `environmentWords`. Each is
 * a path, or a piece of script that names one; `-` is the standard input. Never fails for a file that is not there yet.
 */
export const environmentChanges = (before: string | Script, after: string | Script): Script =>
  sh.lines(sh.read`before=${before} after=${after}`, program(new URL('./changes.sh', import.meta.url)))

/** What there is to say, such as `environment: new A, gone B, changed C`; '' when nothing changes, or nothing was there before. */
export function environmentWords(printed: string): string {
  const found = [...printed.matchAll(/^environment (?:(new|changed|gone) (\w+)|foreign)$/gm)]
  const words = found.map(([, what, name]) =>
    what ? `${what} ${name}` : 'not compared, somebody changed the file on the host by hand',
  )
  return words.length === 0 ? '' : `environment: ${words.join(', ')}`
}
