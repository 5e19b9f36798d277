/**
 * Detects conflicts before a setup writes: files of another application with the same name, root folder or ports, and files that no setup made.
 * Files are recognised by their contents, so those of earlier versions count too.
 */
import { posix } from 'node:path'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import type { Provision, Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { isObsolete } from './obsolete.ts'
import { SUDOERS } from './sudoers.ts'

/** Matches the text or the path of each file that any version of setup has written. */
const GENERATED = /switchyard|`task setup`|for the way with a reload/

export interface Claims {
  readonly app: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
  readonly provisions: readonly Pick<Provision, 'files' | 'rivals' | 'obsolete'>[]
  /** For a balancer, where applications of several hosts may have one name: the host name of the site, and the addresses of its slots. */
  readonly behind?: { readonly site: string; readonly addresses: readonly string[] } | undefined
}

/** A file that exists on the host. */
export interface ExistingFile {
  readonly path: string
  readonly text: string
}

const pathsOf = ({ app, provisions }: Claims): readonly string[] => [
  ...provisions.flatMap(({ files }) => files.map(({ path }) => path)),
  posix.join(SUDOERS, `switchyard-${app}`),
]

const MARK = '@@ switchyard '

/** Runs as root. Prints the existing files among: our target paths, other files of switchyard in the same folders, and rivals. */
const printFiles = (claims: Claims): Script => {
  const paths = pathsOf(claims)
  const beside = [...new Set(paths.map(path => posix.join(posix.dirname(path), `*${posix.extname(path)}`)))]
  return sh.read`
shopt -s nullglob
print() { printf '%s%s\\n' ${MARK} "$1"; cat -- "$1" 2>/dev/null || :; echo; }
for path in ${paths} ${claims.provisions.flatMap(({ rivals = [] }) => rivals)}; do
  if [ -f "$path" ]; then print "$path"; fi
done
for path in ${{ writes: false, text: beside.map(glob).join(' ') }}; do
  if [ -f "$path" ] && grep -qE 'switchyard|[\`]task setup[\`]' "$path"; then print "$path"; fi
done`
}

/** Quotes everything except `*`. */
const glob = (pattern: string) =>
  pattern
    .split('*')
    .map(part => (part === '' ? '' : sh.read`${part}`.text))
    .join('*')

export function parseFiles(text: string): readonly ExistingFile[] {
  const files = text
    .split(new RegExp(`^${MARK}`, 'm'))
    .slice(1)
    .map(part => ({ path: part.slice(0, part.indexOf('\n')), text: part.slice(part.indexOf('\n') + 1) }))
  return [...new Map(files.map(file => [file.path, file])).values()]
}

/** The root folders of applications that a file mentions. */
const rootsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/(\/[\w./-]*\w)\/(?:slots|router)\//g)].map(([, root = '']) => root)),
]

/**
 * One application may get another site, or move to another host. What has another site on another host is not ours, although its folder has the same name.
 *
 * @throws APP_ELSEWHERE
 */
function assertSameApplication(host: string, claims: Claims, found: readonly ExistingFile[]): void {
  const { app, layout, provisions, behind } = claims
  const targets = found.filter(({ path }) => pathsOf(claims).includes(path))
  const first = targets.find(({ text }) => rootsIn(text).includes(layout.root))
  if (!behind || !first) return
  const { site, addresses } = behind
  // A file for a server block of the user's own does not name the site.
  if (!provisions.some(({ files }) => files.some(({ text }) => names(text, site)))) return
  if (targets.some(({ text }) => [site, ...addresses].some(word => names(text, word)))) return
  throw slotFaults.APP_ELSEWHERE({ host, app, path: first.path, site })
}

/** Whether a file names this site or address, and not just a longer one, such as `www.life.example` for `life.example`. */
const names = (text: string, word: string): boolean =>
  new RegExp(`(?:^|[^\\w.-]|switchyard-)${word.replace(/[.[\]]/g, '\\$&')}(?![\\w.-])`, 'im').test(text)

/** @throws if a target path holds a file that is not ours, or if another application uses the root folder or a port. */
export function assertUnclaimed(host: string, claims: Claims, found: readonly ExistingFile[]): void {
  const { app, layout, slots, provisions } = claims
  assertSameApplication(host, claims, found)
  const paths = pathsOf(claims)
  const rivals = claims.provisions.flatMap(({ rivals = [] }) => rivals)
  for (const { path, text } of found) {
    const roots = rootsIn(text)
    const ours = roots.includes(layout.root)
    if (paths.includes(path)) {
      const [other] = roots
      if (other !== undefined && !ours) throw slotFaults.APP_TAKEN({ host, app, path, root: other })
      if (!GENERATED.test(path) && !GENERATED.test(text) && text.trim() !== '')
        throw slotFaults.FILE_NOT_OURS({ host, path, app })
    } else if (rivals.includes(path)) throw slotFaults.FILE_NOT_OURS({ host, path, app })
    else {
      if (ours && provisions.some(({ obsolete }) => obsolete && isObsolete(obsolete, path))) continue
      if (ours) throw slotFaults.ROOT_TAKEN({ host, root: layout.root, path })
      const slot = slots.find(({ port }) => new RegExp(`(?:127\\.0\\.0\\.1:|_port )${port}\\b`).test(text))
      if (slot) throw slotFaults.PORT_CLAIMED({ host, slot: slot.name, port: slot.port, path })
    }
  }
}

/**
 * Resolves to the existing files among the target paths, and others of switchyard. `root`: whether we can become root.
 * @throws `APP_TAKEN`, `APP_ELSEWHERE`, `FILE_NOT_OURS`, `ROOT_TAKEN` or `PORT_CLAIMED`.
 */
export const assertFree = (claims: Claims, root: boolean): Query<readonly ExistingFile[]> =>
  capture(asReader(root, printFiles(claims)), (text, { name }) => {
    const found = parseFiles(text)
    assertUnclaimed(name, claims, found)
    return found
  })
