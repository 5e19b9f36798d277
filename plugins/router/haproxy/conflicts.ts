/**
 * Finds frontends, backends and programs on the host that use our address or name. HAProxy itself allows two frontends on one address: each then gets half
 * of the connections.
 */
import { type Fault, formatListener, type Listener, overlap, type Script, sh } from '../shared.ts'
import { haproxyFaults } from './faults.ts'
import { backendName, FOLDER } from './files.ts'

const FILE = '@@ file '
const LISTENING = '@@ listening'

/** Prints each readable file of the configuration, and the listening TCP sockets. */
export const readHost = (config: string): Script => sh.read`
shopt -s nullglob
args=()
mapfile -d '' -t args < "/proc/$(systemctl show --property MainPID --value haproxy 2>/dev/null || :)/cmdline" 2>/dev/null || :
for file in $(for i in "\${!args[@]}"; do if [ "\${args[$i]}" = -f ]; then echo "\${args[$((i + 1))]}"; fi; done; printf '%s\\n' ${[config, FOLDER]}); do
  if [ -d "$file" ]; then printf '%s\\n' "$file"/*.cfg; else printf '%s\\n' "$file"; fi
done | sort -u | while read -r file; do
  if [ -f "$file" ] && [ -r "$file" ]; then printf '%s%s\\n' ${FILE} "$file"; cat -- "$file"; echo; fi
done
echo ${LISTENING}
ss -Hltn`

export interface OurSite {
  /** The host names of the site. */
  readonly names: readonly string[]
  /** Empty if a frontend of the user's own sends the traffic. */
  readonly listeners: readonly Listener[]
  /** Our own files, which are not conflicts. */
  readonly own: readonly string[]
}

interface Bind extends Listener {
  readonly file: string
  readonly at: string
}

export function conflicts(host: string, printed: string, { names, listeners, own }: OurSite): readonly Fault[] {
  const [files = '', sockets = ''] = printed.split(`${LISTENING}\n`)
  const found = files.split(/^@@ file /m).flatMap(part => readFile(part))
  const binds = found.flatMap(({ binds: all }) => all)
  const named = names.flatMap(site => {
    const other = found.find(({ name, file }) => name === backendName(site) && !own.includes(file))
    return other ? [haproxyFaults.HAPROXY_NAME_TAKEN({ host, site, at: other.at })] : []
  })
  const taken = binds.filter(bind => !own.includes(bind.file) && listeners.some(our => overlap(our, bind)))
  const foreignSockets = sockets
    .split('\n')
    .flatMap(line => parseAddress(line.split(/\s+/)[3] ?? ''))
    .filter(socket => listeners.some(our => overlap(our, socket)) && !binds.some(bind => overlap(bind, socket)))
  return [
    ...named,
    ...taken.map(bind => haproxyFaults.HAPROXY_ADDRESS_TAKEN({ host, listen: formatListener(bind), by: bind.at })),
    ...foreignSockets.map(socket =>
      haproxyFaults.HAPROXY_ADDRESS_TAKEN({ host, listen: formatListener(socket), by: 'another program' }),
    ),
  ]
}

interface Section {
  readonly name: string
  readonly file: string
  /** `file:line`. */
  readonly at: string
  readonly binds: readonly Bind[]
}

/** Parses the sections of one file; the first line of `part` is the path. */
function readFile(part: string): readonly Section[] {
  const [file = '', ...lines] = part.split('\n')
  const sections: (Section & { readonly binds: Bind[] })[] = []
  for (const [i, line] of lines.entries()) {
    const [keyword = '', name = '', ...flags] = line
      .replace(/(^|\s)#.*/, '')
      .trim()
      .split(/\s+/)
    const at = `${file}:${i + 1}`
    if (/^(?:frontend|listen|backend)$/.test(keyword)) sections.push({ name, file, at, binds: [] })
    else if (keyword === 'bind')
      sections.at(-1)?.binds.push(
        ...name
          .split(',')
          .flatMap(entry => parseAddress(entry, flags))
          .map(listener => ({ ...listener, file, at })),
      )
  }
  return sections
}

/** Parses an address in the syntax of HAProxy or `ss`: no listeners for a Unix socket. The IPv6 wildcard accepts IPv4 as well, unless `v6only` is set. */
function parseAddress(text: string, flags: readonly string[] = ['v6only']): readonly Listener[] {
  const [, ip = '', from, to = from] = /^(?:ipv[46]@)?([^/@]*):(\d+)(?:-(\d+))?$/.exec(text.replace(/%[^:]*/, '')) ?? []
  if (from === undefined) return []
  const bare = ip.replace(/^\[|\]$/g, '').toLowerCase()
  const host = bare.includes(':') ? `[${bare}]` : bare
  const normalized = host === '' || host === '0.0.0.0' ? '*' : host === 'localhost' ? '127.0.0.1' : host
  const ports = Array.from({ length: Math.min(Number(to) - Number(from) + 1, 1_000) }, (_, i) => Number(from) + i)
  return ports.flatMap(port => [
    { address: normalized, port },
    ...(normalized === '[::]' && !flags.includes('v6only') ? [{ address: '*', port }] : []),
  ])
}
