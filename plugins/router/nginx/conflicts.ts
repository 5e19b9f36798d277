/** Other sites of the same nginx that would get requests of ours, or would lose theirs to us. Found out from what nginx itself reads. */
import { posix } from 'node:path'
import { type Script, sh } from '../../../host/script.ts'
import { readAsRoot } from '../../../host/sudo.ts'
import type { Fault } from '../../../runner/fault.ts'
import { routerFaults } from '../faults.ts'
import { type Directive, parseDump } from './dump.ts'
import { type Listener, listenersOf, overlap, shownListener, taken } from './listen.ts'

/** A server block of the configuration. */
interface Server {
  readonly listeners: readonly (Listener & { readonly isDefault: boolean })[]
  readonly file: string
  readonly line: number
  readonly ours: boolean
  /** The `server_name` line that holds the site's name. */
  readonly named: Directive | undefined
}

export interface OurSite {
  readonly site: string
  /** Where the site is to listen; empty for a server block of the user's own. */
  readonly listeners: readonly Listener[]
  /** Where we ask it. */
  readonly ask: Listener
  /** The site is enabled at the first of these whose folder nginx reads. */
  readonly enabled: readonly string[]
  /** Server blocks in these files are ours, and so are those that include `include`. */
  readonly files: readonly string[]
  readonly include: string
}

export interface Conflict {
  /**
   * - `name`: two sites have the same name.
   * - `address`: the other one gets all that comes to the address at which the site is asked.
   * - `default`: the other one gets what names no site, because nginx reads it first; the new one would be read before it.
   */
  readonly kind: 'name' | 'address' | 'default'
  /** `file:line`. */
  readonly at: string
  readonly listen: string
}

/**
 * Prints the whole configuration as `nginx -T` does. Where that is refused, or the configuration has an error, it prints the files around the
 * main one that can be read, in the same form.
 */
export const readConfiguration = (program: string): Script => sh.read`
export LC_ALL=C
whole() {
  if [ "$(id -u)" = 0 ] || sudo -n -l ${[program, '-T']} > /dev/null 2>&1; then ${readAsRoot([program, '-T'])} 2>/dev/null; else return 1; fi
}
if ! whole; then
  main=$(${program} -V 2>&1 | tr ' ' '\\n' | sed -n 's/^--conf-path=//p')
  for file in "$main" $(find -L "$(dirname "$main")" -type f -size -256k ! -path "$main" 2>/dev/null | sort); do
    if [ -r "$file" ]; then printf '# configuration file %s:\\n' "$file"; cat -- "$file"; echo; fi
  done
fi`

export function conflicts(
  dump: string,
  { site, listeners, ask, enabled, files, include }: OurSite,
): readonly Conflict[] {
  const all = servers(parseDump(dump), { site, files, include })
  // Before our own block stands there, it is as if it did.
  const ours = [...listeners, ...all.flatMap(server => (server.ours ? server.listeners : []))]
  const others = all.filter(server => !server.ours)
  const named = others.flatMap(({ named, listeners: theirs }): Conflict[] => {
    const shared = theirs.find(listener => ours.some(our => overlap(our, listener)))
    return named && shared ? [{ kind: 'name', at: at(named), listen: shownListener(shared) }] : []
  })
  const theirs = others.flatMap(server => server.listeners.map(listener => ({ ...listener, server })))
  const asked = taken([...ours.map(our => ({ ...our, server: undefined })), ...theirs], ask)
  const [first] = asked
  const lost = first?.server && ours.some(our => overlap(our, ask)) && asked.every(({ server }) => server !== undefined)
  const found = [
    ...named,
    ...(lost && first.server ? [{ kind: 'address' as const, at: at(first.server), listen: shownListener(ask) }] : []),
  ]
  return found.length > 0 || all.some(server => server.ours)
    ? found
    : usurped(theirs, listeners, enabledAt(dump, enabled))
}

function enabledAt(dump: string, enabled: readonly string[]): string | undefined {
  const includes = dump.match(/^[^#\n]*\binclude\s[^;]*;/gm) ?? []
  return enabled.find(path => includes.some(line => line.includes(`${posix.basename(posix.dirname(path))}/*`)))
}

/** Which listeners have no default but the first site that nginx reads, and would have another one with a site in `file`. */
function usurped(
  theirs: readonly (Server['listeners'][number] & { readonly server: Server })[],
  listeners: readonly Listener[],
  file = '',
): readonly Conflict[] {
  return listeners.flatMap((our): Conflict[] => {
    const there = theirs.filter(({ address, port }) => address === our.address && port === our.port)
    const [first] = there
    if (!first || there.some(({ isDefault }) => isDefault)) return []
    // A folder is read by the bytes of its names. What order the folders have is left alone: ours is read late as Debian and nginx.org have it.
    const before = posix.dirname(first.server.file) === posix.dirname(file) && file < first.server.file
    return before ? [{ kind: 'default', at: at(first.server), listen: shownListener(our) }] : []
  })
}

const at = ({ file, line }: { file: string; line: number }) => `${file}:${line}`

function servers(
  tree: readonly Directive[],
  { site, files, include }: Pick<OurSite, 'site' | 'files' | 'include'>,
): Server[] {
  const inside = (all: readonly Directive[], name: string) => all.filter(it => it.name === name)
  const blocks = inside(tree, 'http').flatMap(http => inside(http.block ?? [], 'server'))
  return blocks.map(({ block = [], file, line }) => {
    const listens = inside(block, 'listen')
    return {
      listeners: (listens.length > 0 ? listens : [{ args: ['80'] }]).flatMap(({ args }) =>
        listenersOf(args).map(listener => ({
          ...listener,
          isDefault: args.some(word => /^default(?:_server)?$/.test(word)),
        })),
      ),
      file,
      line,
      ours: files.includes(file) || block.some(it => it.file === include),
      named: inside(block, 'server_name').find(it => it.args.some(name => isSame(name, site))),
    }
  })
}

/** A name with a dot before it means the name itself, too. Wildcards and regular expressions lose to the whole name. */
const isSame = (name: string, site: string) => name.toLowerCase().replace(/^\./, '') === site.toLowerCase()

export const conflictFault = (host: string, site: string, { kind, at, listen }: Conflict): Fault =>
  ({
    name: () => routerFaults.NGINX_NAME_TAKEN({ host, site, at, listen }),
    address: () => routerFaults.NGINX_ADDRESS_TAKEN({ host, at, listen }),
    default: () => routerFaults.NGINX_DEFAULT_TAKEN({ host, at, listen }),
  })[kind]()
