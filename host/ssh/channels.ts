/**
 * The SSH sessions of a machine. sshd allows `MaxSessions` at a time on one connection, 10 by default: at most 8 are used for scripts, which leaves one
 * to kill a script and one for a terminal.
 */
import type { ClientChannel, ExecOptions, SFTPWrapper } from 'ssh2'
import { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import type { Session } from '../machine.ts'
import type { Connection } from './connection.ts'
import { connectionsOf } from './connections.ts'
import { shellsOn } from './shells.ts'
import { exec, sftp, type TrackedConnection } from './tracked-connection.ts'

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

/** @param another opens a further connection to the same server */
export function sessionsOn(host: string, connection: Connection, another?: () => Promise<Connection>): Sessions {
  const connections = connectionsOf(connection, another, () => shells.refill())
  const shells = shellsOn(host, connections)
  const { first, anywhere, onceEnded, ended } = connections
  /** Why this server has no SFTP. */
  let withoutSftp: string | undefined

  const noSession = (error: Error): never => {
    if (error instanceof Fault) throw error
    const reason = ended()
    if (reason !== undefined) throw hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason })
    throw hostFaults.NO_SESSION({ host, reason: error.message }, error)
  }
  void connection.lost.then(reason => {
    shells.rejectAll(hostFaults.CONNECTION_LOST({ host, during: 'opening a session', reason }))
    void connections.close()
  })

  return {
    prepare: shells.refill,
    shell: shells.take,
    async terminal(command, options) {
      await shells.dropSpares()
      const channel = await anywhere(first, each => exec(each, shells.start(command), options)).catch(noSession)
      channel.once('close', shells.keepSpares)
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
          return (await shells.dropOpeningSpares()) ? onceEnded(open) : anywhere(first, open)
        })
        .catch((error: Error) => {
          shells.keepSpares()
          return noSession(error)
        })
      opened.wrapper.once('close', shells.keepSpares)
      return opened
    },
    close: connections.close,
  }
}
