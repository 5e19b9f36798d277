/**
 * The sessions of a machine. sshd allows `MaxSessions` at a time on one connection, 10 unless told: at most 8 are used for scripts, so that
 * one is left to end a script from beside it and one for a terminal. Where a server allows fewer and all of them are busy, as with the holder of
 * a lock and the probes, a further connection is made. Shells are opened in advance: opening one takes two round trips, giving one its script takes none.
 */
import type { ClientChannel, ExecOptions } from 'ssh2'
import { Fault } from '../../runner/fault.ts'
import { EARLY, READER, ready, startBash } from '../exec/ready.ts'
import { hostFaults } from '../faults.ts'
import type { Session } from '../machine.ts'
import type { Connection } from './connection.ts'
import { exec, type Line, lineOn, sessionOf } from './line.ts'

export interface Sessions {
  /** Opens shells for scripts that are yet to come. */
  prepare(): void
  shell(): Promise<Session>
  /** A channel for a person; shells in advance give way to it. */
  terminal(command: string, options: ExecOptions): Promise<ClientChannel>
  close(): Promise<void>
}

const LIMIT = 8
/** Shells to keep open in advance. A deploy needs at most three at once: the holder of the lock, the probes, the current batch. */
const SPARES = 3
/** How often a server that refuses even a single session is asked again, and for how many milliseconds in all. */
const ATTEMPTS = 25
const PATIENCE = 5_000
/** Milliseconds that somebody waits for a session to end before a further connection is made. */
const SOON = 100

interface Waiter {
  resolve(session: Session): void
  reject(reason: unknown): void
}

/** `another` makes a further connection to the same server. */
export function sessionsOn(host: string, first: Connection, another?: () => Promise<Connection>): Sessions {
  const lines: Line[] = [lineOn(first, LIMIT)]
  const spares = new Set<Session>()
  const waiting: Waiter[] = []
  let wantedSpares = SPARES
  let opening = 0
  /** Those among them of which the server has not said a word yet. */
  let unheard = 0
  let closed = false
  /** How this account's login shell starts bash. */
  let way: 'exec' | 'plain' = 'exec'
  let joining: Promise<Line> | undefined
  let crowded = false
  let killing: Promise<unknown> = Promise.resolve()

  /** A channel on any connection that allows one, with a further one as the last resort. */
  const anywhere = async (line: Line, command: string, options?: ExecOptions): Promise<ClientChannel> => {
    for (const each of [line, ...lines.filter(other => other !== line)])
      try {
        return await exec(each, command, options)
      } catch (error) {
        if (!another || closed || first.ended() !== undefined) throw error
      }
    return exec(await join(), command, options)
  }

  /** `channel.signal()` is ignored for root logins, so a second channel runs kill. */
  const kill = (line: Line, beside: ClientChannel, pid: number | undefined, signal: NodeJS.Signals) => {
    if (pid === undefined) return void beside.close()
    const name = signal.replace('SIG', '')
    const text = `kill -s ${name} -- -${pid} 2>/dev/null || kill -s ${name} ${pid}`
    killing = killing
      .then(() => anywhere(line, startBash(text, way)))
      .then(
        channel => new Promise(resolve => channel.once('close', resolve).resume().stderr.resume()),
        // No session is left to do it with: at least it loses its streams.
        () => beside.close(),
      )
  }

  const openOn = async (line: Line) => {
    const alone = line.open === 0
    const tried = way
    line.open++
    opening++
    unheard++
    const channel = await exec(line, startBash(READER, tried)).catch((error: Error) => error)
    unheard--
    if (channel instanceof Error) {
      opening--
      line.open--
      return refused(line, channel, alone)
    }
    line.refusals = 0
    line.attempts = ATTEMPTS
    let pid: number | undefined
    const session = sessionOf(channel, line.connection, signal => kill(line, channel, pid, signal))
    void session.closed.then(() => {
      line.open--
      spares.delete(session)
      refill()
    })
    try {
      pid = await ready(host, session)
      opening--
      const waiter = waiting.shift()
      if (waiter === undefined) spares.add(session)
      else {
        waiter.resolve(session)
        refill()
      }
    } catch (error) {
      opening--
      if (tried === 'exec' && error instanceof Fault && EARLY.test(error.message)) way = 'plain'
      else {
        wantedSpares = 0
        waiting.shift()?.reject(error)
      }
      refill()
    }
  }

  /** This server allows less than usual. One that refuses even a single session may still count one that has just ended. */
  const refused = (line: Line, error: Error, alone: boolean) => {
    if (line.connection.ended() !== undefined) return refill()
    line.limit = Math.max(1, line.open)
    if (!alone) return refill()
    if (++line.refusals < line.attempts) return void setTimeout(refill, PATIENCE / ATTEMPTS)
    wantedSpares = 0
    waiting.shift()?.reject(hostFaults.NO_SESSION({ host, reason: error.message }, error))
    refill()
  }

  const total = () => lines.reduce((sum, { open }) => sum + open, 0)
  const refill = () => {
    if (closed || first.ended() !== undefined) return
    const [now, later] = [waiting.length, wantedSpares - spares.size]
    // What is opened in one flight takes the time of one. When the server has said something, what is being opened serves those who wait; what
    // replaces it is begun when they have it, not ahead of their script on the line.
    const wanted = unheard === opening ? now + later : Math.max(now, later)
    while (opening < wanted) {
      const line = lines.find(({ open, limit }) => open < limit)
      if (line === undefined || total() >= LIMIT) break
      void openOn(line)
    }
    if (waiting.length > opening && total() < LIMIT) crowd()
  }

  /** All that this server allows is in use, perhaps for long. */
  const crowd = () => {
    if (!another || crowded) return
    crowded = true
    setTimeout(() => {
      const late = waiting.slice(opening)
      if (late.length === 0 || closed) {
        crowded = false
        return refill()
      }
      join().then(
        () => {
          crowded = false
          refill()
        },
        (error: Error) => {
          const reason = `all sessions that it allows on one connection are in use, and a further connection failed: ${error.message}`
          // One may end meanwhile.
          setTimeout(() => {
            for (const waiter of late.filter(it => waiting.includes(it))) {
              waiting.splice(waiting.indexOf(waiter), 1)
              waiter.reject(hostFaults.NO_SESSION({ host, reason }, error))
            }
            crowded = false
            refill()
          }, PATIENCE)
        },
      )
    }, SOON)
  }
  const join = (): Promise<Line> => {
    if (!another) return Promise.reject(new Error('there is one connection only'))
    joining ??= another()
      .then(connection => {
        const line = lineOn(connection, LIMIT)
        if (closed) void connection.close()
        else lines.push(line)
        void connection.lost.then(() => {
          if (lines.includes(line)) lines.splice(lines.indexOf(line), 1)
          refill()
        })
        return line
      })
      .finally(() => {
        joining = undefined
      })
    return joining
  }

  const close = async () => {
    closed = true
    await Promise.all(lines.map(({ connection }) => connection.close()))
  }
  void first.lost.then(reason => {
    for (const { reject } of waiting.splice(0))
      reject(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
    void close()
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
      const reason = first.ended()
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
      for (const spare of given) spare.close()
      spares.clear()
      await Promise.all(given.map(spare => spare.closed))
      const [line = lineOn(first, LIMIT)] = lines
      const channel = await anywhere(line, startBash(command, way), options).catch((error: Error) => {
        throw hostFaults.NO_SESSION({ host, reason: error.message }, error)
      })
      channel.once('close', () => {
        wantedSpares = SPARES
      })
      return channel
    },
    close,
  }
}
