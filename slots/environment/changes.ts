/** Lists the names of variables that change in a slot's environment. Values are compared on the host, and never printed, hashed or sent back. */
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'

/**
 * Prints the names that differ between two environment files, in the format that `environmentSummary` parses. Each argument is a path, or a script
 * fragment that expands to one; `-` is standard input. Prints nothing if `before` does not exist.
 */
export const environmentChanges = (before: string | Script, after: string | Script): Script =>
  sh.lines(sh.read`before=${before} after=${after}`, program(new URL('./changes.sh', import.meta.url)))

export interface Change {
  readonly change: 'new' | 'changed' | 'removed'
  readonly name: string
}

/** The changes, in the order in which they were printed; `foreign` if the file was edited by hand. */
export function parseChanges(printed: string): readonly Change[] | 'foreign' {
  if (/^environment foreign$/m.test(printed)) return 'foreign'
  return [...printed.matchAll(/^environment (new|changed|gone) (\w+)$/gm)].map(([, change, name = '']) => ({
    change: change === 'gone' ? 'removed' : (change as 'new' | 'changed'),
    name,
  }))
}

/** A summary such as `environment: new A, gone B, changed C`; '' if nothing changes or there was no file before. */
export function environmentSummary(printed: string): string {
  const found = parseChanges(printed)
  if (found === 'foreign') return 'environment: not compared, the file on the host was edited by hand'
  return found.length === 0 ? '' : `environment: ${changesText(found)}`
}

/** `new A, gone B, changed C` */
export const changesText = (changes: readonly Change[]): string =>
  changes.map(({ change, name }) => `${change === 'removed' ? 'gone' : change} ${name}`).join(', ')
