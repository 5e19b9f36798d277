/** Who listens on a slot's port, and who is connected to it. Read from the kernel's own tables, through `ss`. */

import { EXIT } from '../../host/exit-codes.ts'
import { capture, commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { holderWords, onPort, parseSockets, type Socket, whose } from './sockets.ts'

/** Exits with `TAKEN` when somebody listens on a slot's port. */
const portFree = (slot: Slot): Script =>
  sh.read`taken=$(ss -Hltn ${onPort(slot.port)}); if [ -n "$taken" ]; then exit ${TAKEN}; fi`

const TAKEN = EXIT.port.taken

/** Throws `PORT_TAKEN`, naming who it is, when somebody listens on a port that should be free. Stops nothing. */
export function assertPortFree(slot: Slot): Query<void> {
  const script = portFree(slot)
  return {
    script,
    async read(output, host) {
      if (output.code === 0) return
      if (output.code !== TAKEN) throw commandFailed(host, script, output)
      const seen = await host.query(capture(sh.lines(whose, sh.read`whose ${onPort(slot.port)}`)))
      throw portTaken(slot, parseSockets(seen.split('\n')), 'somebody who has let go of it since')
    },
  }
}

/** The fault for a slot whose port is held by the strangers among these sockets, or else by `nobody`. */
export function portTaken({ name, port }: Slot, sockets: readonly Socket[], nobody: string): Fault {
  const strangers = sockets.filter(({ owner }) => owner === undefined)
  return slotFaults.PORT_TAKEN({ slot: name, port, holder: strangers.map(holderWords).join('; ') || nobody })
}

/** Prints how many connections to a slot's port are established. */
export const connections = (slot: Slot): Script => sh.read`ss -Htn state established ${onPort(slot.port)} | wc -l`

/**
 * Waits on the host until nobody is connected to a slot, at most `limit` milliseconds, and prints a line at each change and one at the
 * end: milliseconds since the start, and how many are left.
 */
export const drainLoop = (slot: Slot, limit: number): Script =>
  sh.read`
start=$(date +%s%3N) before=
while :; do
  left=$(${connections(slot)})
  passed=$(( $(date +%s%3N) - start ))
  if [ "$left" != "$before" ]; then printf '%s %s\\n' "$passed" "$left"; before=$left; fi
  if [ "$left" = 0 ] || [ $passed -ge ${limit} ]; then break; fi
  sleep 0.1
done
printf '%s %s\\n' "$passed" "$left"`

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

interface Listener {
  /** Hears each count but a zero at the very beginning. */
  onChange?(now: Left): void
  /** Hears how it ended, before what stands behind it in its pipeline has run. */
  onEnd?(drained: Drained): void
}

/** Waits until a slot has no connection left, or `limit` milliseconds are over: then `left` says how many a stop will cut. */
export function drain(slot: Slot, limit: number, { onChange, onEnd }: Listener = {}): Query<Drained> {
  let first: Left | undefined
  let last: Left | undefined
  let told = false
  const onLine = (line: string) => {
    const now = parseLeft(line)
    if (now.left !== (last?.left ?? 0)) onChange?.(now)
    first ??= now
    last = now
    if (!told && (now.left === 0 || now.milliseconds >= limit)) {
      told = true
      onEnd?.({ before: first.left, ...now })
    }
  }
  const seen = () => ({ before: first?.left ?? 0, ...(last ?? { left: 0, milliseconds: 0 }) })
  return capture(drainLoop(slot, limit), seen, { onLine })
}
