/**
 * The shells on a machine's connections. Some are opened in advance, because opening one takes two round trips and sending it a script takes none. If a server
 * allows fewer sessions than are wanted and all are busy, as with the lock holder and the probes, a further connection is opened.
 */
import type { ClientChannel } from 'ssh2'
import { Fault } from '../../runner/fault.ts'
import { EARLY, READER, ready, startBash } from '../exec/ready.ts'
import { hostFaults } from '../faults.ts'
import type { Session } from '../machine.ts'
import { type Connections, CROWDED_DELAY, LIMIT } from './connections.ts'
import { exec, sessionOf, type TrackedConnection } from './tracked-connection.ts'

export interface Shells {
  /** Opens what is wanted: shells for those who wait, and spares. */
  refill(): void
  /** A spare shell, or the next one that opens. */
  take(): Promise<Session>
  /** Rejects those who wait for a shell. */
  rejectAll(reason: unknown): void
  /** Closes the spare shells, and opens none until `keepSpares`. Resolves to whether there were any. */
  dropSpares(): Promise<boolean>
  /** As `dropSpares`, after those that are being opened, which take a session too. */
  dropOpeningSpares(): Promise<boolean>
  keepSpares(): void
  /** The command that starts bash with this text from the account's login shell. */
  start(text: string): string
}

/** Shells to keep open in advance. A deploy needs at most three at once: the lock holder, the probes, the current batch. */
const SPARES = 3
/** Attempts to open the only session of a connection. */
const ATTEMPTS = 25
/** Milliseconds for all of these attempts. */
const ATTEMPTS_TIMEOUT = 5_000

interface Waiter {
  resolve(session: Session): void
  reject(reason: unknown): void
}

/** @param connections that call `refill` when one of them is lost */
export function shellsOn(host: string, connections: Connections): Shells {
  const { anywhere, ended } = connections
  const spares = new Set<Session>()
  const waiting: Waiter[] = []
  let wantedSpares = SPARES
  let opening = 0
  const begunOpening = new Set<Promise<void>>()
  /** Those of `opening` that the server has not responded to. */
  let unanswered = 0
  /** How to start bash from this account's login shell. */
  let form: 'exec' | 'plain' = 'exec'
  let crowded = false
  let killing: Promise<unknown> = Promise.resolve()

  /** sshd ignores `channel.signal()` for root logins, so a second channel runs `kill`. */
  const kill = (tracked: TrackedConnection, target: ClientChannel, pid: number | undefined, signal: NodeJS.Signals) => {
    if (pid === undefined) return void target.close()
    const name = signal.replace('SIG', '')
    const text = `kill -s ${name} -- -${pid} 2>/dev/null || kill -s ${name} ${pid}`
    killing = killing
      .then(() => anywhere(tracked, each => exec(each, startBash(text, form))))
      .then(
        channel => new Promise(resolve => channel.once('close', resolve).resume().stderr.resume()),
        // No session is left for `kill`: at least close the streams of the script.
        () => target.close(),
      )
  }

  const openOn = async (tracked: TrackedConnection) => {
    const isOnly = tracked.open === 0
    const tried = form
    tracked.open++
    opening++
    unanswered++
    const channel = await exec(tracked, startBash(READER, tried)).catch((error: Error) => error)
    unanswered--
    if (channel instanceof Error) {
      opening--
      tracked.open--
      return refused(tracked, channel, isOnly)
    }
    tracked.refusals = 0
    tracked.attempts = ATTEMPTS
    let pid: number | undefined
    let gzip = false
    const opened = sessionOf(channel, tracked.connection, signal => kill(tracked, channel, pid, signal))
    const session: Session = {
      ...opened,
      get takesGzip() {
        return gzip
      },
    }
    void session.closed.then(() => {
      tracked.open--
      spares.delete(session)
      refill()
    })
    try {
      ;({ pid, gzip } = await ready(host, session))
      opening--
      const waiter = waiting.shift()
      if (waiter === undefined) spares.add(session)
      else {
        waiter.resolve(session)
        refill()
      }
    } catch (error) {
      opening--
      if (tried === 'exec' && error instanceof Fault && EARLY.test(error.message)) form = 'plain'
      else {
        wantedSpares = 0
        waiting.shift()?.reject(error)
      }
      refill()
    }
  }

  /** Lowers the limit of a connection. A refused only session is retried, because the server may still count one that has just ended. */
  const refused = (tracked: TrackedConnection, error: Error, isOnly: boolean) => {
    if (tracked.connection.ended() !== undefined) return refill()
    tracked.limit = Math.max(1, tracked.open)
    if (!isOnly) return refill()
    if (++tracked.refusals < tracked.attempts) return void setTimeout(refill, ATTEMPTS_TIMEOUT / ATTEMPTS)
    wantedSpares = 0
    waiting.shift()?.reject(hostFaults.NO_SESSION({ host, reason: error.message }, error))
    refill()
  }

  const refill = () => {
    if (connections.closed || ended() !== undefined) return
    const [now, later] = [waiting.length, wantedSpares - spares.size]
    // Sessions requested together take the time of one, so spares are requested along with the first. Once the server has responded, only what the
    // waiting scripts need is opened; spares follow after their scripts, so as not to delay them.
    const wanted = unanswered === opening ? now + later : Math.max(now, later)
    while (opening < wanted) {
      const tracked = connections.all.find(({ open, limit }) => open < limit)
      if (tracked === undefined || connections.sessions() >= LIMIT) break
      const begun = openOn(tracked).finally(() => begunOpening.delete(begun))
      begunOpening.add(begun)
    }
    if (waiting.length > opening && connections.sessions() < LIMIT) crowd()
  }

  /** All sessions of this server are in use, perhaps for long: opens a further connection after a delay. */
  const crowd = () => {
    if (!connections.extensible || crowded) return
    crowded = true
    setTimeout(() => {
      const late = waiting.slice(opening)
      if (late.length === 0 || connections.closed) {
        crowded = false
        return refill()
      }
      connections.join().then(
        () => {
          crowded = false
          refill()
        },
        (error: Error) => {
          const reason = `all sessions that it allows on one connection are in use, and a further connection failed: ${error.message}`
          // A session may end meanwhile.
          setTimeout(() => {
            for (const waiter of late.filter(waiter => waiting.includes(waiter))) {
              waiting.splice(waiting.indexOf(waiter), 1)
              waiter.reject(hostFaults.NO_SESSION({ host, reason }, error))
            }
            crowded = false
            refill()
          }, ATTEMPTS_TIMEOUT)
        },
      )
    }, CROWDED_DELAY)
  }

  const dropSpares = async () => {
    wantedSpares = 0
    const closing = [...spares]
    for (const spare of closing) spare.close()
    spares.clear()
    await Promise.all(closing.map(spare => spare.closed))
    return closing.length > 0
  }

  return {
    refill,
    take() {
      const [spare] = spares
      if (spare !== undefined) {
        spares.delete(spare)
        refill()
        return Promise.resolve(spare)
      }
      const reason = ended()
      if (reason !== undefined)
        return Promise.reject(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        refill()
      })
    },
    rejectAll(reason) {
      for (const { reject } of waiting.splice(0)) reject(reason)
    },
    dropSpares,
    async dropOpeningSpares() {
      wantedSpares = 0
      await Promise.all(begunOpening)
      return dropSpares()
    },
    keepSpares() {
      wantedSpares = SPARES
    },
    start: text => startBash(text, form),
  }
}
