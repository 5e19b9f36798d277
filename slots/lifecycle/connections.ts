/** The listeners on a slot's port and the connections to it, according to `ss`. */

import { clock } from '../../host/clock.ts'
import { EXIT } from '../../host/exit-codes.ts'
import { capture, commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { describeHolder, onPort, parseSockets, type Socket, whose } from './sockets.ts'

/** Exits with `TAKEN` if a process listens on a slot's port. */
const portFree = (slot: Slot): Script =>
  sh.read`taken=$(ss -Hltn ${onPort(slot.port)}); if [ -n "$taken" ]; then exit ${TAKEN}; fi`

const TAKEN = EXIT.port.taken

/** Throws `PORT_TAKEN`, which names the process, if one listens on a port that should be free. */
export function assertPortFree(slot: Slot): Query<void> {
  const script = portFree(slot)
  return {
    script,
    async read(output, host) {
      if (output.code === 0) return
      if (output.code !== TAKEN) throw commandFailed(host, script, output)
      const listening = await host.query(capture(sh.lines(whose(), sh.read`whose ${onPort(slot.port)}`)))
      throw portTaken(slot, parseSockets(listening.split('\n')), 'a process that has released it since')
    },
  }
}

/** The fault for a port that is held by the owners of foreign sockets. `fallback` describes the holder if there are none. */
export function portTaken({ name, port }: Slot, sockets: readonly Socket[], fallback: string): Fault {
  const foreign = sockets.filter(({ owner }) => owner === undefined)
  return slotFaults.PORT_TAKEN({ slot: name, port, holder: foreign.map(describeHolder).join('; ') || fallback })
}

/** Prints the number of established connections to a slot's port. */
export const connections = (slot: Slot): Script => sh.read`ss -Htn state established ${onPort(slot.port)} | wc -l`

/**
 * Waits on the host until a slot has no connections, at most `limit` milliseconds. Prints a line at each change and one at the end: milliseconds since the
 * start, and the number of connections left.
 */
export const drainLoop = (slot: Slot, limit: number): Script =>
  sh.read`
${clock}
clock; start=$now before=
while :; do
  left=$(${connections(slot)})
  clock; passed=$((now - start))
  if [ "$left" != "$before" ]; then printf '%s %s\\n' "$passed" "$left"; before=$left; fi
  if [ "$left" = 0 ] || [ $passed -ge ${limit} ]; then break; fi
  sleep 0.1
done
printf '%s %s\\n' "$passed" "$left"`

/** The number of connections left at one moment. */
export interface Left {
  readonly left: number
  /** Since the wait began. */
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
  /** Called at each change, but not for an initial zero. */
  onChange?(now: Left): void
  /** Called when the wait has ended, before the next script of the pipeline has completed. */
  onEnd?(drained: Drained): void
}

/** Waits until a slot has no connections, or `limit` milliseconds have passed; `left` is then the number that a stop will cut. */
export function drain(slot: Slot, limit: number, { onChange, onEnd }: Listener = {}): Query<Drained> {
  let first: Left | undefined
  let last: Left | undefined
  let ended = false
  const onLine = (line: string) => {
    const now = parseLeft(line)
    if (now.left !== (last?.left ?? 0)) onChange?.(now)
    first ??= now
    last = now
    if (!ended && (now.left === 0 || now.milliseconds >= limit)) {
      ended = true
      onEnd?.({ before: first.left, ...now })
    }
  }
  const drained = () => ({ before: first?.left ?? 0, ...(last ?? { left: 0, milliseconds: 0 }) })
  return capture(drainLoop(slot, limit), drained, { onLine })
}
