/** One connection and its channels. */
import type { ClientChannel, ExecOptions } from 'ssh2'
import type { Ending, Session } from '../machine.ts'
import type { Connection } from './connection.ts'

export interface Line {
  readonly connection: Connection
  /** Sessions that are open, or being opened. */
  open: number
  /** As many as the server was seen to allow. */
  limit: number
  /** How often it has refused even a single one, in a row. Before the first session was opened, a refusal is final. */
  refusals: number
  attempts: number
}

export const lineOn = (connection: Connection, limit: number): Line => ({
  connection,
  open: 0,
  limit,
  refusals: 0,
  attempts: 1,
})

export const exec = ({ connection }: Line, command: string, options: ExecOptions = {}): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    connection.client.exec(command, options, (error, channel) =>
      error === undefined ? resolve(channel) : reject(error),
    )
  })

/** Milliseconds in which a session that was let go has to end. */
const PATIENCE = 5_000

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
    // One that nobody reads would never tell that it was closed.
    channel.resume()
    channel.stderr.resume()
    setTimeout(() => channel.close(), PATIENCE).unref()
  },
})

/** After a lost connection ssh2 closes a channel without a code: that is never a success. */
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
