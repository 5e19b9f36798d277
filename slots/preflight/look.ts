/** One script that reads of a host all that the preflight wants to know, and how its output is read. */
import { type Script, sh } from '../../host/script.ts'
import type { Release } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { type LockOwner, parseOwner } from '../lock/lock.ts'
import { probeTrouble } from '../promote/probe.ts'
import type { Slots } from '../slot.ts'
import { askSudo, type SudoAnswer, sudoAnswer } from '../sudo/refusal.ts'

/** A TCP socket that listens. `name` and `pid` are missing for processes of other users. */
export interface Listener {
  readonly address: string
  readonly port: number
  readonly name: string | undefined
  readonly pid: number | undefined
}

export interface Seen {
  /** Milliseconds since 1970, by the host's clock. */
  readonly clock: number
  /** Of the releases' file system: bytes and inodes that are free, undefined where it has no fixed number, and where it is mounted. */
  readonly disk: { readonly free: number; readonly inodes: number | undefined; readonly mount: string }
  readonly listeners: readonly Listener[]
  /** Parent of each process. */
  readonly parents: ReadonlyMap<number, number>
  readonly sudo: SudoAnswer
  /** Environment files of slots that cannot be read, or that others can read. */
  readonly environments: readonly string[]
  /** Who holds the lock now. */
  readonly busy: LockOwner | undefined
  /** Whether the release is on the host already. */
  readonly there: boolean
  /** Why a promote cannot measure itself there; undefined when it can, and when that was not asked. */
  readonly unmeasured: string | undefined
}

const MARK = '@@ '

/** Without a release, as for `doctor`, it also asks what only a person wants to know. Takes no lock, not even for a moment: the kernel's own list tells whether somebody has it. */
export function look(
  layout: Layout,
  slots: Slots<string>,
  sudo: readonly (readonly string[])[],
  release?: Release,
): Script {
  const files = slots.names.map(name => layout.slot(name).env)
  return sh.read`
export LC_ALL=C
echo '@@ clock'; date +%s%3N
echo '@@ disk'; df -B1 --output=avail,itotal,iavail,target ${layout.releases} 2>/dev/null | tail -n 1 || :
echo '@@ listeners'; ss -Hltnp
echo '@@ parents'; awk '/^Pid:/ { pid = $2 } /^PPid:/ { print pid, $2 }' /proc/[0-9]*/status 2>/dev/null || :
${askSudo(sudo)}
echo '@@ environments'; for file in ${files}; do
  if [ -e "$file" ] && [ "$(stat -c %a "$file")" != 600 ] || [ -e "$file" ] && ! [ -r "$file" ]; then printf '%s\\n' "$file"; fi
done
echo '@@ busy'; if [ -s ${layout.lock} ] && grep -q ":$(stat -c %i ${layout.lock}) " /proc/locks; then cat ${layout.lock}; fi
echo '@@ there'; if [ -e ${`${release?.dir ?? layout.root}/release.json`} ]; then echo yes; fi
${release ? sh.read`` : sh.read`echo '@@ unmeasured'; ${probeTrouble}`}`
}

export function parseLook(text: string): Seen {
  const section = new Map<string, readonly string[]>(
    text
      .split(new RegExp(`^${MARK}`, 'm'))
      .slice(1)
      .map(part => part.trimEnd().split('\n'))
      .map(([name = '', ...lines]) => [name, lines]),
  )
  const lines = (name: string) => section.get(name) ?? []
  const [free, itotal, inodes, mount = ''] = (lines('disk')[0] ?? '').trim().split(/\s+/)
  return {
    clock: Number(lines('clock')[0]),
    disk: { free: Number(free), inodes: Number(itotal) > 0 ? Number(inodes) : undefined, mount },
    listeners: lines('listeners').map(listener),
    parents: new Map(lines('parents').map(line => line.split(' ').map(Number) as [number, number])),
    sudo: sudoAnswer(lines('sudo'), lines('denied')),
    environments: lines('environments'),
    busy: parseOwner(lines('busy').join('\n')),
    there: lines('there')[0] === 'yes',
    unmeasured: lines('unmeasured').join(', ') || undefined,
  }
}

/** One line of `ss -Hltnp`: state, two queues, the local address, the peer's, the processes. */
function listener(line: string): Listener {
  const [, , , local = '', , ...users] = line.trim().split(/\s+/)
  const colon = local.lastIndexOf(':')
  const [, name, pid] = /\(\("([^"]+)",pid=(\d+)/.exec(users.join(' ')) ?? []
  return {
    address: local.slice(0, colon),
    port: Number(local.slice(colon + 1)),
    name,
    pid: pid === undefined ? undefined : Number(pid),
  }
}
