/** Finds other sites of the same nginx that would get requests of ours or lose theirs to us, in the configuration that nginx itself reads. */

import { posix } from 'node:path'
import {
  type Fault,
  formatListener,
  type Listener,
  listenersOf,
  mostSpecific,
  overlap,
  readAsRoot,
  routerFaults,
  type Script,
  sh,
} from '../shared.ts'
import { type Directive, parseDump } from './dump.ts'

/** A server block of the configuration. */
interface Server {
  readonly listeners: readonly (Listener & { readonly isDefault: boolean })[]
  readonly file: string
  readonly line: number
  readonly ours: boolean
  /** The `server_name` directive that contains the site's name. */
  readonly named: Directive | undefined
}

export interface OurSite {
  readonly site: string
  /** The addresses that the site will listen on; empty if the user has a server block of their own. */
  readonly listeners: readonly Listener[]
  /** The address that our own requests go to. */
  readonly requestAt: Listener
  /** Possible paths of the enabled site: the first one whose folder nginx reads is used. */
  readonly enabled: readonly string[]
  /** Server blocks in these files are ours, and so are those that contain the file `include`. */
  readonly files: readonly string[]
  readonly include: string
}

export interface Conflict {
  /**
   * - `name`: both sites have the same name.
   * - `address`: the other site gets all requests to the address that our own requests go to.
   * - `default`: the other site gets requests with an unknown host name, because nginx reads it first; ours would be read before it.
   */
  readonly kind: 'name' | 'address' | 'default'
  /** `file:line`. */
  readonly at: string
  readonly listen: string
}

/**
 * Prints the whole configuration like `nginx -T`. If that is not allowed, or fails because the configuration has an error, prints all readable files in
 * the folder of the main one in the same format.
 */
export const readConfiguration = (program: string): Script => sh.read`
export LC_ALL=C
whole() {
  if [ $EUID = 0 ] || sudo -n -l ${[program, '-T']} > /dev/null 2>&1; then ${readAsRoot([program, '-T'])} 2>/dev/null; else return 1; fi
}
if ! whole; then
  main=$(${program} -V 2>&1 | tr ' ' '\\n' | sed -n 's/^--conf-path=//p')
  for file in "$main" $(find -L "$(dirname "$main")" -type f -size -256k ! -path "$main" 2>/dev/null | sort); do
    if [ -r "$file" ]; then printf '# configuration file %s:\\n' "$file"; cat -- "$file"; echo; fi
  done
fi`

export function conflicts(
  dump: string,
  { site, listeners, requestAt, enabled, files, include }: OurSite,
): readonly Conflict[] {
  const all = servers(parseDump(dump), { site, files, include })
  // Counts our own block even if it is not installed yet.
  const ours = [...listeners, ...all.flatMap(server => (server.ours ? server.listeners : []))]
  const others = all.filter(server => !server.ours)
  const named = others.flatMap(({ named, listeners: theirs }): Conflict[] => {
    const shared = theirs.find(listener => ours.some(our => overlap(our, listener)))
    return named && shared ? [{ kind: 'name', at: at(named), listen: formatListener(shared) }] : []
  })
  const theirs = others.flatMap(server => server.listeners.map(listener => ({ ...listener, server })))
  const candidates = mostSpecific([...ours.map(our => ({ ...our, server: undefined })), ...theirs], requestAt)
  const [first] = candidates
  const lost =
    first?.server && ours.some(our => overlap(our, requestAt)) && candidates.every(({ server }) => server !== undefined)
  const found = [
    ...named,
    ...(lost && first.server
      ? [{ kind: 'address' as const, at: at(first.server), listen: formatListener(requestAt) }]
      : []),
  ]
  return found.length > 0 || all.some(server => server.ours)
    ? found
    : lostDefaults(theirs, listeners, enabledAt(dump, enabled))
}

function enabledAt(dump: string, enabled: readonly string[]): string | undefined {
  const includes = dump.match(/^[^#\n]*\binclude\s[^;]*;/gm) ?? []
  return enabled.find(path => includes.some(line => line.includes(`${posix.basename(posix.dirname(path))}/*`)))
}

/** Finds listeners without a `default_server` whose default, the first site that nginx reads, would change with a site in `file`. */
function lostDefaults(
  theirs: readonly (Server['listeners'][number] & { readonly server: Server })[],
  listeners: readonly Listener[],
  file = '',
): readonly Conflict[] {
  return listeners.flatMap((our): Conflict[] => {
    const others = theirs.filter(({ address, port }) => address === our.address && port === our.port)
    const [first] = others
    if (!first || others.some(({ isDefault }) => isDefault)) return []
    // nginx reads the files of a folder in byte order. The order of folders is ignored: Debian and nginx.org include the folder of our site late.
    const before = posix.dirname(first.server.file) === posix.dirname(file) && file < first.server.file
    return before ? [{ kind: 'default', at: at(first.server), listen: formatListener(our) }] : []
  })
}

const at = ({ file, line }: { file: string; line: number }) => `${file}:${line}`

function servers(
  tree: readonly Directive[],
  { site, files, include }: Pick<OurSite, 'site' | 'files' | 'include'>,
): Server[] {
  const inside = (all: readonly Directive[], name: string) => all.filter(directive => directive.name === name)
  const blocks = inside(tree, 'http').flatMap(http => inside(http.block ?? [], 'server'))
  return blocks.map(({ block = [], file, line }) => {
    const listens = inside(block, 'listen')
    return {
      listeners: (listens.length > 0 ? listens : [{ args: ['80'] }]).flatMap(({ args }) =>
        listenersOf(args).map(listener => ({
          ...listener,
          isDefault: args.some(arg => /^default(?:_server)?$/.test(arg)),
        })),
      ),
      file,
      line,
      ours: files.includes(file) || block.some(directive => directive.file === include),
      named: inside(block, 'server_name').find(({ args }) => args.some(name => matchesSite(name, site))),
    }
  })
}

/** `.example.org` also matches `example.org` itself. Wildcards and regular expressions have a lower precedence than an exact name. */
const matchesSite = (name: string, site: string) => name.toLowerCase().replace(/^\./, '') === site.toLowerCase()

export const conflictFault = (host: string, site: string, { kind, at, listen }: Conflict): Fault =>
  ({
    name: () => routerFaults.NGINX_NAME_TAKEN({ host, site, at, listen }),
    address: () => routerFaults.NGINX_ADDRESS_TAKEN({ host, at, listen }),
    default: () => routerFaults.NGINX_DEFAULT_TAKEN({ host, at, listen }),
  })[kind]()
