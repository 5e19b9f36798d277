/** Where an application's nginx files stand on a host, and how they are put into force. */
import { posix } from 'node:path'
import { type Script, sh } from '../../../host/script.ts'

/** The commands of one nginx, as sudo is told of them. */
export interface Program {
  readonly path: string
  readonly service: string
  /** Tests the whole configuration. */
  readonly test: readonly string[]
  readonly reload: readonly string[]
}

export const programOf = (path = '/usr/sbin/nginx', service = 'nginx'): Program => ({
  path,
  service,
  test: [path, '-t'],
  reload: ['/usr/bin/systemctl', 'reload', service],
})

export interface Paths {
  /** Ours alone: nginx reads nothing here unless it is told to. */
  readonly folder: string
  /** The file for the inside of a server block. */
  readonly include: string
  readonly available: string
  /** What nginx reads by itself: the site is enabled at the first of these that it really reads. */
  readonly enabled: readonly string[]
}

/** Where files go in the folder of nginx's configuration: Debian reads `sites-enabled`, nginx.org and Fedora read `conf.d` alone. */
export const paths = (app: string, folder = '/etc/nginx'): Paths => ({
  folder: `${folder}/switchyard`,
  include: `${folder}/switchyard/${app}.conf`,
  available: `${folder}/sites-available/${app}.conf`,
  enabled: [`${folder}/sites-enabled/${app}.conf`, `${folder}/conf.d/${app}.conf`],
})

interface Enabling {
  readonly program: Program
  /** The file that is enabled. */
  readonly target: string
  /** The link names the target by its whole path: then what is live can be told from the link alone. */
  readonly absolute?: boolean
  readonly enabled: readonly string[]
  /** Site files that do without their lines for all of IPv6 where the machine has none. */
  readonly lenient: readonly string[]
}

/**
 * For root, after a file changed: enables the site unless it is, tests the whole configuration and reloads. Whether nginx reads the link is
 * asked of nginx. When that or the test fails, a link that was just made is taken away again, so that the next start of nginx does not stumble over it.
 */
export function enable({ program, target, absolute = false, enabled, lenient }: Enabling): Script {
  const targets = enabled.map(path => (absolute ? target : posix.relative(posix.dirname(path), target)))
  const without = lenient.length === 0 ? sh.write`:` : withoutIpv6(program, lenient)
  const unread =
    `nginx does not read ${enabled.join(' or ')}. ` +
    `Put the line "include ${posix.dirname(enabled.at(-1) ?? '')}/*.conf;" into the http block of its main file.`
  return sh.write`
made= found=
refuse() { if [ -n "$made" ]; then rm -f -- "$made"; fi; exit 1; }
valid() {
  local said
  if said=$(${program.test} 2>&1); then return 0; fi
  ${without}
  printf '%s\\n' "$said" >&2
  return 1
}
reads() { ${[program.path, '-T']} 2>/dev/null | grep -xF -e "# configuration file $1:" > /dev/null; }
for link in ${enabled}; do
  if [ -L "$link" ]; then found=$link; break; fi
done
if [ -n "$found" ]; then
  valid || exit 1
else
  targets=(${targets}) i=0
  for link in ${enabled}; do
    target=\${targets[$i]} i=$((i + 1))
    if [ ${enabled.length} = 1 ]; then mkdir -p -- "\${link%/*}"; elif ! [ -d "\${link%/*}" ]; then continue; fi
    ln -s -- "$target" "$link"
    made=$link
    valid || refuse
    if reads "$link"; then found=$link; break; fi
    rm -f -- "$link"
    made=
  done
fi
if [ -z "$found" ] || ! reads "$found"; then
  printf '%s\\n' ${unread} >&2
  refuse
fi
${program.reload}`
}

/** The kernel says 97 (EAFNOSUPPORT) where it has no IPv6 at all; where that is merely switched off, nginx can listen all the same. */
const withoutIpv6 = (program: Program, files: readonly string[]): Script => sh.write`
  case $said in *'socket() [::]:'*'failed (97:'*)
    sed -i '/^ *listen \\[::]:[0-9]*;$/d' ${files}
    if said=$(${program.test} 2>&1); then return 0; fi ;;
  esac`

/** The same where a server block of the user's own includes our file. */
export const refresh = ({ test, reload }: Program): Script => sh.write`${test}\n${reload}`
