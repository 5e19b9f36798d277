/**
 * Counts the traffic to a machine: bytes in both directions, and sequential round trips.
 *
 * Each packet that we send counts as one round trip more than the last response received before it. The total is the count of the latest packet that got
 * a response. A response belongs to the packets sent at least one round-trip time before it: later ones had not yet arrived. So commands that run at once
 * cost one trip together, and a long upload whose window is extended again and again costs one, as long as nothing waits for it. A proxy in the middle of
 * the connection would count the same. The TCP handshake is not counted. On a connection of a few milliseconds the server's processing time is as long as
 * the round trip, and the count is rough.
 */
import type { Duplex } from 'node:stream'
import type { Traffic } from '../../runner/task.ts'

export interface Meter {
  /** Starts to count the data of this stream, and returns the stream. It must be the lowest one of a connection, and must not flow yet. */
  watch<S extends Duplex>(stream: S): S
  /** Call it at the start of a handshake; it returns a function to call whenever the last data received is the response to the last data sent. */
  handshake(): () => void
  /** The traffic so far, without the round trips of a handshake that got no response. */
  traffic(): Traffic
}

/** Data counts as a response after this fraction of the round-trip time, because that varies. */
const TOLERANCE = 3 / 4

export function meter(now: () => number = () => performance.now()): Meter {
  const chain = trips()
  let [sent, received] = [0, 0]
  let lastSent = 0
  let lastReceived = 0
  return {
    watch(stream) {
      const write = stream.write.bind(stream)
      const counted = (chunk: Uint8Array, ...more: never[]) => {
        sent += chunk.length
        lastSent = now()
        chain.sent(lastSent)
        return write(chunk, ...more)
      }
      // A listener alone would make the stream flow.
      stream.pause().on('data', (chunk: Uint8Array) => {
        received += chunk.length
        lastReceived = now()
        chain.received(lastReceived)
      })
      return Object.assign(stream, { write: counted })
    },
    handshake() {
      chain.unmeasured()
      return () => chain.measured(lastReceived - lastSent)
    },
    traffic: () => ({ roundTrips: chain.count(), sent, received }),
  }
}

/** Counts round trips from the times of packets, in milliseconds. Packets are queued until the round-trip time is known. */
export function trips() {
  let count = 0
  let roundTrip: number | undefined
  const queued: (() => void)[] = []
  /** The first packet of each round trip that has no response yet. */
  let pending: { readonly at: number; readonly trip: number }[] = []
  const whenMeasured = (update: () => void) => (roundTrip === undefined ? void queued.push(update) : update())
  return {
    count: () => count,
    sent: (at: number) =>
      whenMeasured(() => {
        if (pending.at(-1)?.trip !== count + 1) pending.push({ at, trip: count + 1 })
      }),
    received: (at: number) =>
      whenMeasured(() => {
        const answered = pending.findLast(packet => packet.at + (roundTrip ?? 0) * TOLERANCE <= at)
        if (answered === undefined) return
        count = answered.trip
        pending = pending.filter(({ trip }) => trip > count)
      }),
    unmeasured() {
      roundTrip = undefined
      pending = []
    },
    /** Takes a measured round-trip time in milliseconds; the shortest one is used. */
    measured(ms: number) {
      roundTrip = Math.min(ms, roundTrip ?? ms)
      for (const update of queued.splice(0)) update()
    },
  }
}
