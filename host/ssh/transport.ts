/** A machine over SSH, with the configuration of plain `ssh`. */
import { deferred } from '../../runner/promises.ts'
import { rehearsal } from '../../runner/rehearsal.ts'
import { checked, fields, optional, text, thing } from '../../runner/taskfile/shape.ts'
import { attachChannel } from '../exec/attach.ts'
import { hostFaults } from '../faults.ts'
import type { Endpoint, HostSetting, Transport } from '../host.ts'
import type { Machine } from '../machine.ts'
import { openHost } from '../open-host.ts'
import { type Sessions, sessionsOn } from './channels.ts'
import { resolve as resolveConfig, type SshConfig } from './config.ts'
import { connect } from './connection.ts'
import { credentials } from './credentials.ts'
import { sftpFiles } from './sftp.ts'
import { endingOf } from './tracked-connection.ts'
import { meter as meterOf } from './traffic-meter.ts'

export interface SshOptions {
  /**
   * The ssh configuration file, as in `ssh -F`.
   *
   * @default '~/.ssh/config'
   */
  readonly configFile?: string | undefined
}

const TARGET = thing<string>(
  'the name of a machine, such as `ssh("deploy@web-1")`, or with a port `ssh("ssh://deploy@web-1:2222")`. If it comes from the environment, check that the variable is set',
  // ssh takes `web-1:2222` and `deploy@` for names, which nobody has.
  value => typeof value === 'string' && value !== '' && !/^[^:[/]+:\d+$|^@|@$|\s/.test(value),
)
const OPTIONS = fields<SshOptions>({ configFile: optional(text) })

/**
 * A host over SSH: any target that plain `ssh` accepts. The first command, or `connect`, opens one connection for the whole run; after a loss the next
 * command opens a new one.
 *
 * @throws OPTION_INVALID
 * @example ssh('deploy@web-1')
 */
export function ssh(target: string, options: SshOptions = {}): Transport {
  checked('ssh()', TARGET, target)
  checked('ssh()', OPTIONS, options)
  return loggedIn(target, options, undefined)
}

/** @param user overrides the user of the target */
const loggedIn = (target: string, options: SshOptions, user: string | undefined): Transport => ({
  name: target,
  open: async setting => openHost(machine(target, user, options, setting), setting),
  as: other => loggedIn(target, options, other),
  keys: async () => (await credentials(await configOf(target, user, options))).keys,
  endpoint: async () => endpointOf(await configOf(target, user, options)),
  rehearsed: true,
})

/** `ssh -G` parses `user@host` and `ssh://` itself; `-l user` overrides that. */
async function configOf(target: string, user: string | undefined, options: SshOptions): Promise<SshConfig> {
  const { host, configFile } = placeOf(target, options)
  return resolveConfig({ host, ...(user === undefined ? {} : { user }) }, configFile)
}

/** @throws REHEARSAL_HOST_UNKNOWN for a machine that the rehearsal has not replaced: a real one is never contacted */
function placeOf(target: string, { configFile }: SshOptions) {
  const replaced = rehearsal()
  if (!replaced) return { host: target, configFile }
  const host = replaced.hosts[target]
  if (host === undefined) throw hostFaults.REHEARSAL_HOST_UNKNOWN({ target })
  return { host, configFile: replaced.sshConfig }
}

const endpointOf = ({ user, hostname, port, jumps, proxyCommand }: SshConfig): Endpoint => ({
  user,
  address: hostname,
  port,
  // Not the command itself: its arguments may contain a password.
  through: proxyCommand === undefined ? jumps : [...jumps, 'a ProxyCommand'],
})

function machine(name: string, user: string | undefined, options: SshOptions, setting: HostSetting): Machine {
  const meter = meterOf()
  let current: Promise<OpenConnection> | undefined
  /** Resolves to true when the first command needs the connection; to false if the host is disposed of before. */
  const needed = deferred<boolean>()
  let disposed = false

  let read: Promise<SshConfig> | undefined
  const config = () => {
    read ??= configOf(name, user, options)
    return read
  }
  const confirm = async (question: string) => (await needed.promise) && setting.confirm(question)
  const open = async (): Promise<OpenConnection> => {
    const another = async () =>
      connect(await config(), {
        setting: { ...setting, confirm },
        configFile: placeOf(name, options).configFile,
        meter,
      })
    const connection = await another()
    void connection.lost.then(forget)
    return { connection, sessions: sessionsOn(name, connection, another) }
  }
  const forget = () => {
    current = undefined
  }
  const opened = (during: string): Promise<OpenConnection> => {
    if (disposed) return Promise.reject(hostFaults.HOST_CLOSED({ host: name, during }))
    needed.resolve(true)
    return connected()
  }
  const connected = (): Promise<OpenConnection> => {
    current ??= open().catch((error: unknown) => {
      forget()
      throw error
    })
    return current
  }
  return {
    name,
    shell: async () => (await opened('a command')).sessions.shell(),
    async attach(command) {
      const { sessions, connection } = await opened(command)
      return attachChannel(
        options => sessions.terminal(command, options),
        channel => endingOf(channel, connection),
      )
    },
    async files() {
      const { sessions } = await opened('a file transfer')
      const { wrapper, connection } = await sessions.sftp()
      return sftpFiles(name, wrapper, connection.ended)
    },
    connect() {
      if (disposed || setting.signal.aborted) return
      connected().then(
        ({ sessions }) => sessions.prepare(),
        () => undefined,
      )
    },
    account: () =>
      config().then(
        ({ user }) => user,
        () => undefined,
      ),
    hangsUp: true,
    traffic: meter.traffic,
    async [Symbol.asyncDispose]() {
      disposed = true
      needed.resolve(false)
      await (await current?.catch(() => undefined))?.sessions.close()
    },
  }
}

interface OpenConnection {
  readonly connection: Awaited<ReturnType<typeof connect>>
  readonly sessions: Sessions
}
