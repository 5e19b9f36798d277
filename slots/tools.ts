/** The programs that our scripts run on a host, and how a script finds out which of them are missing, or are others than we need. */
import { type Script, sh } from '../host/script.ts'

const COREUTILS =
  'base64 cat chmod cp cut date df dirname env head id install ln mkdir mkfifo mktemp mv od readlink rm sha256sum sleep sort stat sync tail tee test tr wc'

/** What every host needs, whatever the plugins, with the Debian packages that have them. */
export const TOOLS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(COREUTILS.split(' ').map(tool => [tool, 'coreutils'])),
  awk: 'mawk',
  bash: 'bash',
  cmp: 'diffutils',
  curl: 'curl',
  diff: 'diffutils',
  find: 'findutils',
  flock: 'util-linux',
  getent: 'libc-bin',
  grep: 'grep',
  gzip: 'gzip',
  runuser: 'util-linux',
  sed: 'sed',
  setsid: 'util-linux',
  ss: 'iproute2',
  tar: 'tar',
  xargs: 'findutils',
}

/** What the programs must be able to do, where those of busybox cannot: each a command that does nothing. */
const ABLE: readonly (readonly [string, ...string[]])[] = [
  ['cp', '--parents', '--preserve=timestamps', '--version'],
  ['date', '-d', '@0', '+%3N'],
  ['df', '-B1', '--output=avail', '/'],
  ['find', '/', '-maxdepth', '0', '-printf', ''],
  ['ps', '-o', 'etimes=', '-p', '1'],
  ['sha256sum', '-z', '/dev/null'],
  ['tar', '-cf', '/dev/null', '--quoting-style=literal', '-T', '/dev/null'],
]

/** Prints those of the tools that are not there, one a line; and for one that cannot do what we need, `<tool> other`. */
export const missingTools = (tools: readonly string[]): Script => {
  const able = ABLE.filter(([tool]) => tools.includes(tool)).map(words => sh.read`able ${words} &`)
  return sh.read`
PATH="$PATH:/usr/sbin:/sbin"
there() { command -v "$1" > /dev/null || printf '%s\\n' "$1"; }
able() { if command -v "$1" > /dev/null && ! "$@" > /dev/null 2>&1 < /dev/null; then printf '%s other\\n' "$1"; fi; }
if [ "$(id -u)" != 0 ]; then there sudo; fi
for tool in ${tools}; do there "$tool"; done
${sh.lines(...able)}
wait`
}

export interface MissingTools {
  /** For people: `gzip`, `find (GNU's)`. */
  readonly tools: readonly string[]
  readonly packages: readonly string[]
}

/** Reads what `missingTools` printed; undefined when nothing is missing. `packages`: of the plugins' tools too. */
export function parseMissing(
  lines: readonly string[],
  packages: Readonly<Record<string, string>>,
): MissingTools | undefined {
  if (lines.length === 0) return undefined
  const found = lines.map(line => line.split(' '))
  const packageOf = (tool: string) => (tool === 'sudo' ? 'sudo' : (packages[tool] ?? tool))
  return {
    tools: found.map(([tool = '', other]) =>
      other ? `${tool} (GNU's: the one there cannot do what is needed)` : tool,
    ),
    packages: [...new Set(found.map(([tool = '']) => packageOf(tool)))],
  }
}
