/** This machine as a host, for switchyard on the server itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { homedir, userInfo } from 'node:os'
import { BASH, READER, ready } from './exec/ready.ts'
import { hostFaults } from './faults.ts'
import { localFiles } from './files/local-files.ts'
import type { HostSetting, Transport } from './host.ts'
import type { Ending, Machine, Session } from './machine.ts'
import { openHost } from './open-host.ts'

/** This machine as a host. Commands start in the home folder, as they do over SSH. */
export function local(): Transport {
  const name = 'this machine'
  return { name, open: async (setting: HostSetting) => openHost(machine(name), setting) }
}

function machine(name: string): Machine {
  const sessions = new Set<Session>()
  let disposed = false
  return {
    name,
    async shell() {
      if (disposed) throw hostFaults.HOST_CLOSED({ host: name, during: 'a command' })
      const [program, ...args] = BASH
      const child = spawn(program, [...args, READER], { cwd: homedir(), detached: true, stdio: 'pipe' })
      await started(name, child)
      const session: Session = {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        closed: ending(child),
        kill: signal => signalGroup(child.pid, signal),
        close() {
          for (const stream of child.stdio) stream?.destroy()
          child.unref()
        },
      }
      sessions.add(session)
      void session.closed.then(() => sessions.delete(session))
      await ready(name, session)
      return session
    },
    attach: command => attachLocal(name, command),
    async files() {
      if (disposed) throw hostFaults.HOST_CLOSED({ host: name, during: 'a file transfer' })
      return localFiles()
    },
    account: async () => userInfo().username,
    async [Symbol.asyncDispose]() {
      disposed = true
      for (const session of sessions) session.close()
    },
  }
}

/** Both processes share the terminal. While the command runs, only the command handles Ctrl-C. */
async function attachLocal(name: string, command: string): Promise<Ending> {
  const handlers = process.listeners('SIGINT')
  const ignore = () => undefined
  process.removeAllListeners('SIGINT').on('SIGINT', ignore)
  try {
    const child = spawn('bash', ['--norc', '-c', command], { cwd: homedir(), stdio: 'inherit' })
    await started(name, child)
    return await ending(child)
  } finally {
    process.off('SIGINT', ignore)
    for (const handler of handlers) process.on('SIGINT', handler)
  }
}

async function started(name: string, child: ChildProcess): Promise<void> {
  await once(child, 'spawn').catch((error: Error) => {
    throw hostFaults.NO_BASH({ host: name, why: 'it could not be started', output: error.message }, error)
  })
}

const ending = (child: ChildProcess): Promise<Ending> =>
  new Promise(resolve => {
    child.once('close', (code, signal) => {
      if (code !== null) resolve({ code, signal: null })
      else resolve({ code, signal: signal ?? 'SIGKILL' })
    })
  })

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal)
  } catch {
    // It ended in the meantime.
  }
}
