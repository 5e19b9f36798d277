/** The programs that our scripts need on a host, and the check for missing or incompatible ones. */
import { type Script, sh } from '../host/script.ts'

const COREUTILS =
  'base64 cat chmod chown cp cut date df dirname env head id install ln mkdir mkfifo mktemp mv od readlink realpath rm sha256sum sleep sort stat sync tail tee test tr wc'

/** The programs that every host needs, regardless of plugins, each with its Debian package. */
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

/** Commands without an effect that fail with busybox: each uses an option that our scripts need. */
const FEATURE_TESTS: readonly (readonly [string, ...string[]])[] = [
  ['cp', '--parents', '--preserve=timestamps', '--version'],
  ['date', '-d', '@0', '+%3N'],
  ['df', '-B1', '--output=avail', '/'],
  ['find', '/', '-maxdepth', '0', '-printf', ''],
  ['ps', '-o', 'etimes=', '-p', '1'],
  ['sha256sum', '-z', '/dev/null'],
  ['tar', '-cf', '/dev/null', '--quoting-style=literal', '-T', '/dev/null'],
]

/** Prints the missing tools, one per line, and `<tool> other` for one that lacks an option we need. */
export const missingTools = (tools: readonly string[]): Script => {
  const able = FEATURE_TESTS.filter(([tool]) => tools.includes(tool)).map(command => sh.read`able ${command} &`)
  return sh.read`
PATH="$PATH:/usr/sbin:/sbin"
there() { command -v "$1" > /dev/null || printf '%s\\n' "$1"; }
able() { if command -v "$1" > /dev/null && ! "$@" > /dev/null 2>&1 < /dev/null; then printf '%s other\\n' "$1"; fi; }
if [ $EUID != 0 ]; then there sudo; fi
for tool in ${tools}; do there "$tool"; done
${sh.lines(...able)}
wait`
}

export interface MissingTools {
  /** For messages: `gzip`, `find (the GNU version is required)`. */
  readonly tools: readonly string[]
  readonly packages: readonly string[]
}

/** Parses the output of `missingTools`; undefined if nothing is missing. `packages` includes those of the plugins' tools. */
export function parseMissing(
  lines: readonly string[],
  packages: Readonly<Record<string, string>>,
): MissingTools | undefined {
  if (lines.length === 0) return undefined
  const found = lines.map(line => line.split(' '))
  const packageOf = (tool: string) => (tool === 'sudo' ? 'sudo' : (packages[tool] ?? tool))
  return {
    tools: found.map(([tool = '', other]) => (other ? `${tool} (the GNU version is required)` : tool)),
    packages: [...new Set(found.map(([tool = '']) => packageOf(tool)))],
  }
}
