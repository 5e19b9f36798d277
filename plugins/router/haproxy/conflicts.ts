/** What would share our address or our name on the same host: HAProxy itself lets two frontends listen at one address, and each gets half of the connections. */
import { type Script, sh } from '../../../host/script.ts'
import type { Fault } from '../../../runner/fault.ts'
import { type Listener, overlap, shownListener } from '../nginx/listen.ts'
import { haproxyFaults } from './faults.ts'
import { backendName, FOLDER } from './files.ts'

const FILE = '@@ file '
const LISTENING = '@@ listening'

/** Prints each file of the configuration that can be read, and who listens for TCP. */
export const readHost = (config: string): Script => sh.read`
shopt -s nullglob
words=()
mapfile -d '' -t words < "/proc/$(systemctl show --property MainPID --value haproxy 2>/dev/null || :)/cmdline" 2>/dev/null || :
for file in $(for i in "\${!words[@]}"; do if [ "\${words[$i]}" = -f ]; then echo "\${words[$((i + 1))]}"; fi; done; printf '%s\\n' ${[config, FOLDER]}); do
  if [ -d "$file" ]; then printf '%s\\n' "$file"/*.cfg; else printf '%s\\n' "$file"; fi
done | sort -u | while read -r file; do
  if [ -f "$file" ] && [ -r "$file" ]; then printf '%s%s\\n' ${FILE} "$file"; cat -- "$file"; echo; fi
done
echo ${LISTENING}
ss -Hltn`

export interface OurSite {
  readonly site: string
  /** Empty where a frontend of the user's own sends the traffic. */
  readonly listeners: readonly Listener[]
  /** Our files, which hold no conflict. */
  readonly own: readonly string[]
}

interface Bind extends Listener {
  readonly file: string
  readonly at: string
}

export function conflicts(host: string, printed: string, { site, listeners, own }: OurSite): readonly Fault[] {
  const [files = '', sockets = ''] = printed.split(`${LISTENING}\n`)
  const found = files.split(/^@@ file /m).flatMap(part => readFile(part))
  const binds = found.flatMap(({ binds: all }) => all)
  const named = found.find(({ name, file }) => name === backendName(site) && !own.includes(file))
  const taken = binds.filter(bind => !own.includes(bind.file) && listeners.some(our => overlap(our, bind)))
  const strangers = sockets
    .split('\n')
    .flatMap(line => address(line.split(/\s+/)[3] ?? ''))
    .filter(socket => listeners.some(our => overlap(our, socket)) && !binds.some(bind => overlap(bind, socket)))
  return [
    ...(named ? [haproxyFaults.HAPROXY_NAME_TAKEN({ host, site, at: named.at })] : []),
    ...taken.map(bind => haproxyFaults.HAPROXY_ADDRESS_TAKEN({ host, listen: shownListener(bind), by: bind.at })),
    ...strangers.map(socket =>
      haproxyFaults.HAPROXY_ADDRESS_TAKEN({ host, listen: shownListener(socket), by: 'another program' }),
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

/** The proxies of one file, whose first line is its path. */
function readFile(part: string): readonly Section[] {
  const [file = '', ...lines] = part.split('\n')
  const sections: (Section & { readonly binds: Bind[] })[] = []
  for (const [i, line] of lines.entries()) {
    const [word = '', name = '', ...flags] = line
      .replace(/(^|\s)#.*/, '')
      .trim()
      .split(/\s+/)
    const at = `${file}:${i + 1}`
    if (/^(?:frontend|listen|backend)$/.test(word)) sections.push({ name, file, at, binds: [] })
    else if (word === 'bind')
      sections.at(-1)?.binds.push(
        ...name
          .split(',')
          .flatMap(one => address(one, flags))
          .map(it => ({ ...it, file, at })),
      )
  }
  return sections
}

/** Reads an address as HAProxy or `ss` writes it; none for a socket of the file system. IPv6 for all takes IPv4 as well, unless it is told not to. */
function address(text: string, flags: readonly string[] = ['v6only']): readonly Listener[] {
  const [, ip = '', from, to = from] = /^(?:ipv[46]@)?([^/@]*):(\d+)(?:-(\d+))?$/.exec(text.replace(/%[^:]*/, '')) ?? []
  if (from === undefined) return []
  const bare = ip.replace(/^\[|\]$/g, '').toLowerCase()
  const six = bare.includes(':') ? `[${bare}]` : bare
  const all = six === '' || six === '0.0.0.0' ? '*' : six === 'localhost' ? '127.0.0.1' : six
  const ports = Array.from({ length: Math.min(Number(to) - Number(from) + 1, 1_000) }, (_, i) => Number(from) + i)
  return ports.flatMap(port => [
    { address: all, port },
    ...(all === '[::]' && !flags.includes('v6only') ? [{ address: '*', port }] : []),
  ])
}
