/** The stream below an SSH connection: TCP, or a ProxyCommand. */
import { spawn } from 'node:child_process'
import { type Socket, connect as tcp } from 'node:net'
import { Duplex } from 'node:stream'
import { hostFaults } from '../faults.ts'
import type { SshConfig } from './config.ts'

/** Milliseconds to connect, without `ConnectTimeout`. */
const CONNECT_TIMEOUT = 8_000
/** Milliseconds that a ProxyCommand gets to exit and to print its error after the end of its stdout. */
const PROXY_GRACE = 1_000

/**
 * Runs a ProxyCommand as ssh does: in the user's shell, with its standard streams as the connection. SHLVL is 2 because a bash with a lower level takes
 * such a stdin for that of a remote shell and reads its start-up file.
 *
 * `lastError` waits for the command to exit and resolves to the last line of its stderr.
 */
export function proxied(command: string): { socket: Duplex; lastError: () => Promise<string> } {
  const child = spawn(process.env.SHELL || '/bin/sh', ['-c', `exec ${command}`], {
    env: { ...process.env, SHLVL: '2' },
    stdio: 'pipe',
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk).slice(-1_000)
  })
  child.on('error', error => {
    stderr = error.message
  })
  const kill = () => void child.kill()
  process.once('exit', kill)
  const ended = new Promise(resolve => child.once('close', resolve).once('error', resolve)).finally(() =>
    process.off('exit', kill),
  )
  const socket = Duplex.from({ readable: child.stdout, writable: child.stdin })
  socket.on('close', () => setTimeout(kill, PROXY_GRACE).unref())
  const lastError = async () => {
    const late = setTimeout(kill, PROXY_GRACE)
    await ended
    clearTimeout(late)
    return stderr.trim().split('\n').at(-1) ?? ''
  }
  return { socket, lastError }
}

export function direct(config: SshConfig, signal: AbortSignal): Promise<Socket> {
  const { target, hostname: host, port, family, bindAddress } = config
  const limit = config.connectTimeout === undefined ? CONNECT_TIMEOUT : config.connectTimeout * 1000
  return new Promise((resolve, reject) => {
    const socket = tcp({ host, port, family, ...(bindAddress === undefined ? {} : { localAddress: bindAddress }) })
    const address = `${host}:${port}`
    const stop = (reason: Error) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', interrupt)
      socket.destroy()
      reject(reason)
    }
    const interrupt = () => stop(hostFaults.COMMAND_INTERRUPTED({ host: target, command: 'connecting' }))
    const unreachable = (reason: string) => hostFaults.HOST_UNREACHABLE({ target, address, reason })
    const timer = setTimeout(() => stop(unreachable(`no response within ${limit / 1000} s`)), limit)
    if (!signal.aborted) signal.addEventListener('abort', interrupt, { once: true })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const unknown = error.syscall === 'getaddrinfo'
      stop(
        unknown
          ? hostFaults.HOST_NAME_UNKNOWN({ target, name: host }, error)
          : unreachable(REASONS[error.code ?? ''] ?? (error.message || String(error.code))),
      )
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', interrupt)
      socket.removeAllListeners('error').on('error', () => undefined)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused, nothing listens on that port',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no response',
}
