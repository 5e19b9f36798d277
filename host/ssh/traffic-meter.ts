/**
 * Counts what goes over the line to a machine: bytes both ways, and round trips that came one after the other.
 *
 * Each packet that we send counts as one round trip more than the last response received before it. The total is the count of the latest
 * packet that got a response. A response belongs to the packets sent at least one line length before it: later ones had not yet arrived. So commands that run at once cost one trip together, and a long upload
 * whose window is opened again and again costs one as long as nothing waits for it. It is the count of a proxy in the middle of
 * the line, which sees what arrives where. TCP's own opening is in neither count; on a line of a few milliseconds the
 * other side's time to think is as long as the line, and the count is rough.
 */
import type { Duplex } from 'node:stream'
import type { Traffic } from '../../runner/task.ts'

export interface Meter {
  /** Begins to count what this stream carries, and returns it. It must be the lowest of a connection, and flow only later. */
  watch<S extends Duplex>(stream: S): S
  /** A handshake begins. What it returns is to be called whenever the last that came can only be the answer to the last that was sent. */
  handshake(): () => void
  /** So far. Trips of a handshake that got no answer are missing. */
  traffic(): Traffic
}

/** A line is not equally fast at all times: what comes after this part of its length is an answer. */
const SOON = 3 / 4

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
      // Listening would make it flow.
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

/** The chain of words and answers; all times in milliseconds. Until the line's length is known, what happens is kept. */
export function trips() {
  let count = 0
  let length: number | undefined
  const kept: (() => void)[] = []
  /** The first word of each place in the chain that is not answered yet. */
  let words: { readonly at: number; readonly trip: number }[] = []
  const later = (what: () => void) => (length === undefined ? void kept.push(what) : what())
  return {
    count: () => count,
    sent: (at: number) =>
      later(() => {
        if (words.at(-1)?.trip !== count + 1) words.push({ at, trip: count + 1 })
      }),
    received: (at: number) =>
      later(() => {
        const answered = words.findLast(word => word.at + (length ?? 0) * SOON <= at)
        if (answered === undefined) return
        count = answered.trip
        words = words.filter(({ trip }) => trip > count)
      }),
    unmeasured() {
      length = undefined
      words = []
    },
    /** There and back, at most: the shortest of several is taken. */
    measured(ms: number) {
      length = Math.min(ms, length ?? ms)
      for (const happened of kept.splice(0)) happened()
    },
  }
}
