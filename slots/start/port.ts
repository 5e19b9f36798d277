/** Who listens on a slot's port, and who is connected to it. Read from the kernel's own tables, through `ss`. */
import type { Host } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'

/** Prints the listeners of a slot's port: the process where we may see it. */
const listeners = (slot: Slot): Script => sh.read`ss -Hltnp ${`sport = :${slot.port}`}`

/** Throws `PORT_TAKEN`, naming the process, when somebody listens on a port that should be free. Stops nothing. */
export async function assertPortFree(host: Host, slot: Slot): Promise<void> {
  const line = (await host.ask(listeners(slot))).split('\n')[0] ?? ''
  if (line === '') return
  const [, name, pid] = /\(\("([^"]+)",pid=(\d+)/.exec(line) ?? []
  const holder = name ? `${name}, process ${pid}` : 'a process of another user'
  throw slotFaults.PORT_TAKEN({ slot: slot.name, port: slot.port, holder })
}

/** Prints how many connections to a slot's port are established. */
export const connections = (slot: Slot): Script => sh.read`ss -Htn state established ${`sport = :${slot.port}`} | wc -l`

/**
 * Waits on the host until nobody is connected to a slot, at most `limit` milliseconds, and prints a line at each change:
 * milliseconds since the start, and how many are left.
 */
export const drainLoop = (slot: Slot, limit: number): Script => sh.read`
start=$(date +%s%3N) before=
while :; do
  left=$(${connections(slot)})
  passed=$(( $(date +%s%3N) - start ))
  if [ "$left" != "$before" ]; then printf '%s %s\\n' "$passed" "$left"; before=$left; fi
  if [ "$left" = 0 ] || [ $passed -ge ${limit} ]; then break; fi
  sleep 0.1
done`

/** How many connections are left, and when that was seen: milliseconds since the wait began. */
export interface Left {
  readonly left: number
  readonly milliseconds: number
}

export interface Drained extends Left {
  /** Connections when the wait began. */
  readonly before: number
}

export function parseLeft(line: string): Left {
  const [milliseconds = 0, left = 0] = line.split(' ').map(Number)
  return { left, milliseconds }
}

/**
 * Waits until a slot has no connection left, or `limit` milliseconds are over: then `left` says how many a stop will cut.
 * `onChange` hears each count but a zero at the very beginning.
 */
export async function drain(
  host: Host,
  slot: Slot,
  limit: number,
  onChange: (now: Left) => void = () => undefined,
): Promise<Drained> {
  let before: number | undefined
  const onLine = (line: string) => {
    const now = parseLeft(line)
    if (before !== undefined || now.left > 0) onChange(now)
    before ??= now.left
  }
  const lines = (await host.ask(drainLoop(slot, limit), { onLine })).split('\n').map(parseLeft)
  return { before: lines[0]?.left ?? 0, ...(lines.at(-1) ?? { left: 0, milliseconds: 0 }) }
}
