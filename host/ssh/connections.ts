/** The connections to one server: the first, and further ones if it allows too few sessions on one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../runner/fault.ts'
import type { Connection } from './connection.ts'
import { type TrackedConnection, track } from './tracked-connection.ts'

export interface Connections {
  readonly first: TrackedConnection
  /** Those that are open, in the order in which they were opened. */
  readonly all: readonly TrackedConnection[]
  /** Sessions that are open or being opened, on all of them. */
  sessions(): number
  /** Why the first connection has ended; undefined while it is open. Without it the others are of no use. */
  ended(): string | undefined
  /** Whether a further connection can be opened. */
  readonly extensible: boolean
  /** Opens a further connection. Those who ask meanwhile get the same. */
  join(): Promise<TrackedConnection>
  /** Opens a channel on the connection, else on any that allows one, else on a further one. */
  anywhere<T>(tracked: TrackedConnection, open: (tracked: TrackedConnection) => Promise<T>): Promise<T>
  /** As `anywhere`, but tries the open connections for a while, because the server may still count sessions that have just ended. */
  onceEnded<T>(open: (tracked: TrackedConnection) => Promise<T>): Promise<T>
  readonly closed: boolean
  close(): Promise<void>
}

/** Sessions that are used of a connection. */
export const LIMIT = 8
/** Milliseconds to wait for a session to end before a further connection is opened. */
export const CROWDED_DELAY = 100
/** Attempts to get a session of one that has just ended before a further connection is opened, `CROWDED_DELAY` apart: a busy server needs a while to count. */
const ENDED_TRIES = 30

/**
 * @param another opens a further connection to the same server
 * @param onLost called when a further connection was lost
 */
export function connectionsOf(
  connection: Connection,
  another: (() => Promise<Connection>) | undefined,
  onLost: () => void,
): Connections {
  const first = track(connection, LIMIT)
  const all = [first]
  let closed = false
  let joining: Promise<TrackedConnection> | undefined
  const ended = () => connection.ended()

  const add = (further: Connection): TrackedConnection => {
    const tracked = track(further, LIMIT)
    if (closed) void further.close()
    else all.push(tracked)
    void further.lost.then(() => {
      if (all.includes(tracked)) all.splice(all.indexOf(tracked), 1)
      onLost()
    })
    return tracked
  }
  const join = () => {
    if (!another) return Promise.reject(new Error('no further connection is possible'))
    joining ??= another()
      .then(add)
      .finally(() => {
        joining = undefined
      })
    return joining
  }

  return {
    first,
    all,
    ended,
    extensible: another !== undefined,
    join,
    sessions: () => all.reduce((sum, { open }) => sum + open, 0),
    async anywhere(tracked, open) {
      for (const each of [tracked, ...all.filter(other => other !== tracked)])
        try {
          return await open(each)
        } catch (error) {
          if (error instanceof Fault || !another || closed || ended() !== undefined) throw error
        }
      return open(await join())
    },
    async onceEnded(open) {
      for (let tries = 0; tries < ENDED_TRIES; tries += 1) {
        for (const each of all)
          try {
            return await open(each)
          } catch (error) {
            if (error instanceof Fault || ended() !== undefined) throw error
          }
        await sleep(CROWDED_DELAY)
      }
      return open(await join())
    },
    get closed() {
      return closed
    },
    async close() {
      closed = true
      await Promise.all(all.map(({ connection }) => connection.close()))
    },
  }
}
