/** A connection with the number of its open sessions and the limit of its server. */
import type { ClientChannel, ExecOptions, SFTPWrapper } from 'ssh2'
import type { Ending, Session } from '../machine.ts'
import type { Connection } from './connection.ts'

export interface TrackedConnection {
  readonly connection: Connection
  /** Sessions that are open or being opened. */
  open: number
  /** The number of sessions that the server is known to allow. */
  limit: number
  /** How often in a row the server has refused even a single session. */
  refusals: number
  /** Refusals after which we give up; 1 before the first session was opened. */
  attempts: number
}

export const track = (connection: Connection, limit: number): TrackedConnection => ({
  connection,
  open: 0,
  limit,
  refusals: 0,
  attempts: 1,
})

export const exec = (
  { connection }: TrackedConnection,
  command: string,
  options: ExecOptions = {},
): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    connection.client.exec(command, options, (error, channel) =>
      error === undefined ? resolve(channel) : reject(error),
    )
  })

/**
 * Opens the SFTP subsystem. Resolves to the reason if the server has none, and rejects if it allows no further session. ssh2 does not close the session of a
 * subsystem that the server refused: it stays counted.
 */
export async function sftp(tracked: TrackedConnection): Promise<SFTPWrapper | string> {
  tracked.open++
  const opened = await new Promise<SFTPWrapper | Error>(resolve => {
    tracked.connection.client.sftp((error, wrapper) => resolve(error ?? wrapper))
  })
  if (!(opened instanceof Error)) {
    opened.once('close', () => tracked.open--)
    return opened
  }
  const refused = /^Unable to start subsystem/.test(opened.message)
  if (!refused) tracked.open--
  if (/^\(SSH\) Channel open failure/.test(opened.message) || tracked.connection.ended() !== undefined) throw opened
  return opened.message
}

/** Milliseconds that a closed session gets to end. */
const CLOSE_TIMEOUT = 5_000

export const sessionOf = (
  channel: ClientChannel,
  connection: Connection,
  kill: (signal: NodeJS.Signals) => void,
): Session => ({
  stdin: channel,
  stdout: channel,
  stderr: channel.stderr,
  closed: endingOf(channel, connection),
  kill,
  close: () => {
    channel.end()
    // A channel that nobody reads would never emit `close`.
    channel.resume()
    channel.stderr.resume()
    setTimeout(() => channel.close(), CLOSE_TIMEOUT).unref()
  },
})

/** After a lost connection ssh2 closes a channel without an exit code, which must not count as success. */
export const endingOf = (channel: ClientChannel, connection: Connection): Promise<Ending> =>
  new Promise(resolve => {
    channel.once('close', (code: number | null | undefined, signal?: NodeJS.Signals) => {
      const reason = connection.ended()
      if (typeof code === 'number') resolve({ code, signal: null })
      else if (signal) resolve({ code: null, signal })
      else if (reason !== undefined) resolve({ lost: reason, cut: true })
      else resolve({ lost: 'the server closed its channel, as with ChannelTimeout in sshd_config' })
    })
  })
