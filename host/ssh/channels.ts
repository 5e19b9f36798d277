/**
 * The SSH sessions of a machine. sshd allows `MaxSessions` at a time on one connection, 10 by default: at most 8 are used for scripts, which leaves one
 * to kill a script and one for a terminal. If a server allows fewer and all are busy, as with the lock holder and the probes, a further connection is
 * opened. Shells are opened in advance, because opening one takes two round trips and sending it a script takes none.
 */
import type { ClientChannel, ExecOptions, SFTPWrapper } from 'ssh2'
import { Fault } from '../../runner/fault.ts'
import { EARLY, READER, ready, startBash } from '../exec/ready.ts'
import { hostFaults } from '../faults.ts'
import type { Session } from '../machine.ts'
import type { Connection } from './connection.ts'
import { CROWDED_DELAY, connectionsOf, LIMIT } from './connections.ts'
import { exec, sessionOf, sftp, type TrackedConnection } from './tracked-connection.ts'

export interface Sessions {
  /** Opens shells in advance. */
  prepare(): void
  shell(): Promise<Session>
  /** A channel with a terminal. Closes the spare shells, so that it gets a session. */
  terminal(command: string, options: ExecOptions): Promise<ClientChannel>
  /** The SFTP subsystem, and the connection that it is on. Closes the spare shells if the server allows no further session. */
  sftp(): Promise<{ readonly wrapper: SFTPWrapper; readonly connection: Connection }>
  close(): Promise<void>
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

/** @param another opens a further connection to the same server */
export function sessionsOn(host: string, connection: Connection, another?: () => Promise<Connection>): Sessions {
  const connections = connectionsOf(connection, another, () => refill())
  const { first, anywhere, onceEnded, ended } = connections
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
  /** Why this server has no SFTP. */
  let withoutSftp: string | undefined

  /** Closes the spare shells, and opens none until `refillSpares`. */
  const dropSpares = async () => {
    wantedSpares = 0
    const closing = [...spares]
    for (const spare of closing) spare.close()
    spares.clear()
    await Promise.all(closing.map(spare => spare.closed))
  }
  const refillSpares = () => {
    wantedSpares = SPARES
  }

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

  const noSession = (error: Error): never => {
    if (error instanceof Fault) throw error
    const reason = ended()
    if (reason !== undefined) throw hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason })
    throw hostFaults.NO_SESSION({ host, reason: error.message }, error)
  }
  void connection.lost.then(reason => {
    for (const { reject } of waiting.splice(0))
      reject(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
    void connections.close()
  })

  return {
    prepare: refill,
    shell() {
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
    async terminal(command, options) {
      await dropSpares()
      const channel = await anywhere(first, each => exec(each, startBash(command, form), options)).catch(noSession)
      channel.once('close', refillSpares)
      return channel
    },
    async sftp() {
      const open = async (each: TrackedConnection) => {
        const wrapper = withoutSftp ?? (await sftp(each))
        if (typeof wrapper !== 'string') return { wrapper, connection: each.connection }
        withoutSftp = wrapper
        throw hostFaults.SFTP_MISSING({ host, reason: wrapper })
      }
      const opened = await open(first)
        .catch(async (error: unknown) => {
          if (error instanceof Fault || ended() !== undefined) throw error
          // A spare shell that is being opened takes a session too.
          wantedSpares = 0
          await Promise.all(begunOpening)
          const gaveWay = spares.size > 0
          await dropSpares()
          return gaveWay ? onceEnded(open) : anywhere(first, open)
        })
        .catch((error: Error) => {
          refillSpares()
          return noSession(error)
        })
      opened.wrapper.once('close', refillSpares)
      return opened
    },
    close: connections.close,
  }
}
