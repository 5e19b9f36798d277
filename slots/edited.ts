/** Files owned by root that others may edit too, as certbot edits the site file. Their additions are never removed. */
import type { HostFile } from './contracts.ts'

/** The lines of a unified diff that only the host's file has (`more`), and those that only ours has (`less`). A line that only moved is in neither. */
export function editsIn(diff: string): { readonly more: readonly string[]; readonly less: readonly string[] } {
  const lines = diff.split('\n').filter(line => !/^(?:---|\+\+\+) /.test(line))
  const of = (sign: string) => lines.filter(line => line.startsWith(sign)).map(line => line.slice(1).trim())
  const [theirs, ours] = [of('-'), of('+')]
  return { more: without(theirs, ours), less: without(ours, theirs) }
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const rest = [...others]
  return lines.filter(line => {
    const at = rest.indexOf(line)
    if (at >= 0) rest.splice(at, 1)
    return at < 0 && line !== ''
  })
}

/** How to treat a file that differs: write ours, keep theirs, or reject it; the array lists the required lines that theirs lacks. */
export function verdict({ edits }: HostFile, diff: string): 'write' | 'keep' | readonly string[] {
  const { more, less } = editsIn(diff)
  if (!edits || more.length === 0) return 'write'
  const missing = less.filter(line => !line.startsWith('#') && !edits.satisfied(line, more))
  if (missing.length === 0) return 'keep'
  return more.every(line => line.startsWith('#') || edits.ours(line)) ? 'write' : missing
}
