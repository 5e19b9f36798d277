/**
 * The sessions of one connection. sshd allows `MaxSessions` at a time, 10 unless told: at most 8 are used for scripts, so that
 * one is left to end a script from beside it and one for a terminal. Shells are opened in advance: opening one takes
 * two round trips, giving one its script takes none.
 */
import type { ClientChannel, ExecOptions } from 'ssh2'
import type { Connection } from './connect.ts'
import { hostFaults } from './faults.ts'
import type { Ending, Session } from './machine.ts'
import { READER } from './process.ts'
import { quote } from './script.ts'

export interface Sessions {
  /** Opens shells for scripts that are yet to come. */
  prepare(): void
  shell(): Promise<Session>
  /** A channel for a person; shells in advance give way to it. */
  terminal(command: string, options: ExecOptions): Promise<ClientChannel>
  close(): Promise<void>
}

const LIMIT = 8
/** What a step begins in one turn travels as one script: a lock, the probes and a check beside them are the most that a deploy has at once. */
const SPARES = 3
/** Milliseconds in which a session that was let go has to end. */
const PATIENCE = 5_000
const ATTEMPTS = 25

interface Waiter {
  resolve(session: Session): void
  reject(reason: unknown): void
}

export function sessionsOn(host: string, connection: Connection): Sessions {
  const spares = new Set<Session>()
  const waiting: Waiter[] = []
  let limit = LIMIT
  let wantedSpares = SPARES
  let open = 0
  let opening = 0
  let refusals = 0
  // Before the first session was opened, a refusal is final.
  let attempts = 1
  let killing: Promise<unknown> = Promise.resolve()

  const exec = (command: string, options: ExecOptions = {}) =>
    new Promise<ClientChannel>((resolve, reject) => {
      connection.client.exec(command, options, (error, channel) =>
        error === undefined ? resolve(channel) : reject(error),
      )
    })

  /** `channel.signal()` is ignored for root logins, so a second channel runs kill. */
  const kill = (beside: ClientChannel, pid: number, signal: NodeJS.Signals) => {
    const name = signal.replace('SIG', '')
    const command = `exec bash -c 'kill -s ${name} -- -${pid} 2>/dev/null || kill -s ${name} ${pid}'`
    killing = killing
      .then(() => exec(command))
      .then(
        channel => new Promise(resolve => channel.once('close', resolve).resume().stderr.resume()),
        // No session is left to do it with: at least it loses its streams.
        () => beside.close(),
      )
  }

  const sessionOf = (channel: ClientChannel): Session => ({
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    closed: endingOf(channel, connection),
    kill: (pid, signal) => kill(channel, pid, signal),
    close: () => {
      channel.end()
      drain(channel)
      setTimeout(() => channel.close(), PATIENCE).unref()
    },
  })

  const openOne = async () => {
    const alone = open === 0
    open++
    opening++
    try {
      const channel = await exec(`exec bash --norc -c ${quote(READER)}`)
      opening--
      refusals = 0
      attempts = ATTEMPTS
      const session = sessionOf(channel)
      void session.closed.then(() => {
        open--
        spares.delete(session)
        refill()
      })
      channel.once('exit', () => spares.delete(session) && drain(channel))
      const first = waiting.shift()
      if (first === undefined) spares.add(session)
      else first.resolve(session)
    } catch (error) {
      open--
      opening--
      refused(error as Error, alone)
    }
  }

  /**
   * This server allows less than usual: make do with what is open, less one for `kill`. One that refuses even a single session may
   * still count one that has just ended.
   */
  const refused = (error: Error, alone: boolean) => {
    if (connection.ended() !== undefined) return
    limit = Math.max(1, open - 1)
    for (const spare of [...spares].slice(0, Math.max(0, open - limit))) drop(spare)
    if (alone && ++refusals < attempts) {
      setTimeout(refill, PATIENCE / attempts)
      return
    }
    if (alone) {
      wantedSpares = 0
      waiting.shift()?.reject(hostFaults.NO_SESSION({ host, reason: error.message }, error))
    }
    refill()
  }
  const drop = (spare: Session) => {
    spares.delete(spare)
    spare.close()
  }
  const refill = () => {
    if (connection.ended() !== undefined) return
    const wanted = waiting.length + wantedSpares - spares.size
    while (open < limit && opening < wanted) void openOne()
  }
  void connection.lost.then(reason => {
    for (const { reject } of waiting.splice(0))
      reject(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
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
      const reason = connection.ended()
      if (reason !== undefined)
        return Promise.reject(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        refill()
      })
    },
    async terminal(command, options) {
      wantedSpares = 0
      const given = [...spares]
      given.forEach(drop)
      await Promise.all(given.map(spare => spare.closed))
      const channel = await exec(command, options).catch((error: Error) => {
        throw hostFaults.NO_SESSION({ host, reason: error.message }, error)
      })
      channel.once('close', () => {
        wantedSpares = SPARES
      })
      return channel
    },
    close: connection.close,
  }
}

/** A channel that nobody reads would never tell that it was closed. */
const drain = (channel: ClientChannel) => {
  channel.resume()
  channel.stderr.resume()
}

/** After a lost connection ssh2 closes a channel without a code: that is never a success. */
export const endingOf = (channel: ClientChannel, connection: Connection): Promise<Ending> =>
  new Promise(resolve => {
    channel.once('close', (code: number | null | undefined, signal?: NodeJS.Signals) => {
      if (typeof code === 'number') resolve({ code, signal: null })
      else if (signal) resolve({ code: null, signal })
      else resolve({ lost: connection.ended() ?? 'it ended without an exit status' })
    })
  })
