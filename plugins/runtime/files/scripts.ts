/** Scripts of a static site. A slot is up while a link of its name leads to its release; the server of the host looks for it on each request. */
import { posix } from 'node:path'
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Release, Slot, SlotProcess } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'

/** The folder of the links. nginx's workers can read it, but not the folders of the slots. */
export const linksFolder = (layout: Layout): string => posix.join(layout.root, 'files')

/** The link of a slot to its release. */
export const linkOf = (layout: Layout, slot: Slot): string => posix.join(linksFolder(layout), slot.name)

/** The end of the name of a folder beside the link, which has one file with the name of the release, for a server that cannot read where a link leads to. */
export const MARKER = '.release'

const markerOf = (layout: Layout, slot: Slot): string => `${linkOf(layout, slot)}${MARKER}`

interface Start {
  readonly layout: Layout
  readonly release: Release
  readonly slot: Slot
  /** The folder in a release that is the root of the site; '' for the release itself. */
  readonly folder: string
  readonly config: string
  readonly service: string
}

/** Exits with a code of `EXIT.files`, `EXIT.process` or `EXIT.startable`; prints the path that is missing, or that cannot be read. */
export const startScript = ({ layout, release, slot, folder, config, service }: Start): Script =>
  program(new URL('./files-start.sh', import.meta.url), {
    writes: true,
    parameters: {
      config,
      service,
      dir: release.dir,
      root: `${release.dir}${folder}`,
      current: layout.slot(slot.name).current,
      link: linkOf(layout, slot),
      marker: markerOf(layout, slot),
      release: release.name,
      ...EXIT.files,
      ...EXIT.startable,
      ...EXIT.process,
    },
  })

/** Prints the state before: `running` or `stopped`. */
export const stopScript = (layout: Layout, slot: Slot): Script => sh.write`
was=stopped
if [ -L ${linkOf(layout, slot)} ]; then was=running; fi
rm -rf -- ${markerOf(layout, slot)}
rm -f -- ${linkOf(layout, slot)}
echo "$was"`

/** Run as root: makes Caddy read the file at `path`, and fails with the message `unread` if it does not answer at the port then. */
export const reloadCaddy = ({
  path,
  port,
  unread,
}: {
  readonly path: string
  readonly port: number
  readonly unread: string
}): Script => sh.write`
if ! systemctl is-active --quiet caddy; then echo 'Caddy is not running. Start it first: sudo systemctl start caddy' >&2; exit 1; fi
begin=$(date +%s)
if ! systemctl reload caddy; then
  journalctl --quiet --unit caddy --since "@$begin" --output cat | grep -E '^Error: |"level":"error"' >&2 || :
  exit 1
fi
if [ -e ${path} ] && ! curl -q -s -o /dev/null --noproxy '*' --max-time 5 ${`http://127.0.0.1:${port}/`}; then
  printf '%s\\n' ${unread} >&2
  exit 1
fi`

/** Prints the pid of the server while the slot is up. */
export const pidScript = (layout: Layout, slot: Slot, service: string): Script =>
  sh.read`if [ -L ${linkOf(layout, slot)} ]; then systemctl show --property=MainPID --value ${service} | sed /^0$/d; fi`

/** Prints the seconds since the slot was started and the pid of the server, 0 if it is down; nothing if the slot is stopped. */
export const processScript = (layout: Layout, slot: Slot, service: string): Script => sh.read`
if [ -L ${linkOf(layout, slot)} ]; then
  printf '%s %s' "$(( $(date +%s) - $(stat -c %Y ${linkOf(layout, slot)}) ))" "$(systemctl show --property=MainPID --value ${service})"
fi`

export function parseProcess(text: string): SlotProcess {
  if (text.trim() === '') return { state: 'stopped' }
  const [uptime = 0, pid = 0] = text.trim().split(' ').map(Number)
  return pid > 0 ? { state: 'running', pid, uptime: Math.max(0, uptime) } : { state: 'failed' }
}
