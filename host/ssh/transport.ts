/** A machine that is reached over SSH, as plain `ssh` would reach it. */
import { checked, fields, optional, text, worded } from '../../runner/taskfile/shape.ts'
import { attachChannel } from '../exec/attach.ts'
import { hostFaults } from '../faults.ts'
import type { HostSetting, Transport } from '../host.ts'
import type { Machine } from '../machine.ts'
import { openHost } from '../open-host.ts'
import { type Sessions, sessionsOn } from './channels.ts'
import { resolve as resolveConfig, type SshConfig } from './config.ts'
import { connect } from './connection.ts'
import { endingOf } from './line.ts'
import { meter as meterOf } from './traffic-meter.ts'

export interface SshOptions {
  /** Another file than `~/.ssh/config`, as with `ssh -F`. */
  readonly configFile?: string | undefined
}

/**
 * `ssh('deploy@web-1')`, or any name that your ssh configuration knows. Nothing is contacted before the first command or `connect`; then one
 * connection serves the run, and is made anew when it was lost.
 */
const TARGET = worded(
  'the name of a machine, such as `ssh("deploy@web-1")`; a variable of the environment may not be set',
  text,
)
const OPTIONS = fields<SshOptions>({ configFile: optional(text) })

export function ssh(target: string, options: SshOptions = {}): Transport {
  checked('ssh()', TARGET, target)
  checked('ssh()', OPTIONS, options)
  return loggedIn(target, options, undefined)
}

/** `user`: who logs in, whoever the target names. */
const loggedIn = (target: string, options: SshOptions, user: string | undefined): Transport => ({
  name: target,
  open: async setting => openHost(machine(target, user, options, setting), setting),
  as: other => loggedIn(target, options, other),
})

function machine(name: string, user: string | undefined, { configFile }: SshOptions, setting: HostSetting): Machine {
  const meter = meterOf()
  let current: Promise<OpenConnection> | undefined
  let want = (_: boolean) => {}
  /** Whether a command waits for the connection; false when none ever did. */
  const wanted = new Promise<boolean>(resolve => {
    want = resolve
  })
  let letGo = false

  let read: Promise<SshConfig> | undefined
  const config = () => {
    // `ssh -G` reads `user@host` and `ssh://` itself; the name that it is told beside that wins.
    read ??= resolveConfig({ host: name, ...(user === undefined ? {} : { user }) }, configFile)
    return read
  }
  const confirm = async (question: string) => (await wanted) && setting.confirm(question)
  const open = async (): Promise<OpenConnection> => {
    const another = async () => connect(await config(), { setting: { ...setting, confirm }, configFile, meter })
    const connection = await another()
    void connection.lost.then(forget)
    return { connection, sessions: sessionsOn(name, connection, another) }
  }
  const forget = () => {
    current = undefined
  }
  const opened = (during: string): Promise<OpenConnection> => {
    if (letGo) return Promise.reject(hostFaults.HOST_CLOSED({ host: name, during }))
    want(true)
    return begun()
  }
  const begun = (): Promise<OpenConnection> => {
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
    connect() {
      if (letGo || setting.signal.aborted) return
      begun().then(
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
      letGo = true
      want(false)
      await (await current?.catch(() => undefined))?.sessions.close()
    },
  }
}

interface OpenConnection {
  readonly connection: Awaited<ReturnType<typeof connect>>
  readonly sessions: Sessions
}
