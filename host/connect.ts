/** One verified, authenticated SSH connection, through as many jump hosts as the configuration asks for. */
import { spawn } from 'node:child_process'
import { type Socket, connect as tcp } from 'node:net'
import { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import type { Fault } from '../runner/faults.ts'
import { credentials } from './credentials.ts'
import { hostFaults } from './faults.ts'
import type { HostSetting } from './host.ts'
import {
  algorithmsFor,
  judge,
  type KnownKey,
  knownKeys,
  knownLine,
  knownName,
  remember,
  type ShownKey,
  shownKey,
} from './known-hosts.ts'
import { parseJump, resolve, type SshConfig } from './ssh-config.ts'

export interface Connection {
  readonly client: Client
  /** Resolves when it has ended, with the reason. */
  readonly lost: Promise<string>
  /** The reason, once it has ended. */
  ended(): string | undefined
  /** Ends it and the connections to the jump hosts below. */
  close(): void
}

/** Milliseconds. */
const REACH = 8_000
const HANDSHAKE = 15_000
const GOODBYE = 2_000
/** How long a server may be silent before it counts as dead; it is asked for an answer three times in this time. */
const SILENCE = 15_000
const DEEPEST = 8

export async function connect(target: string, setting: HostSetting, configFile?: string): Promise<Connection> {
  return connectTo(await resolve(destination(target), configFile), { setting, configFile, path: [] })
}

/** `ssh -G` reads `user@host` and `ssh://` itself. */
const destination = (target: string) => ({ host: target })

interface Way {
  readonly setting: HostSetting
  readonly configFile: string | undefined
  /** The servers on whose behalf this connection is made, for the fault about a circle. */
  readonly path: readonly string[]
}

async function connectTo(config: SshConfig, way: Way): Promise<Connection> {
  const known = await knowledge(config)
  const result = await attempt(config, known, way)
  if (!('unknown' in result)) return result
  const line = knownLine(known.name, result.unknown, config.hashKnownHosts)
  const [file] = config.userKnownHosts
  const accepted =
    config.unknownKey === 'accept' ||
    (config.unknownKey === 'ask' && (await way.setting.confirm(question(known.name, result.unknown))))
  if (!accepted) throw unknownKey(config, known, result.unknown)
  if (file !== undefined && file !== '/dev/null') await remember(file, line)
  const { type, key } = result.unknown
  const trusted = { ...known, keys: [{ marker: undefined, type, key, file: file ?? '', line: 0 }] }
  const again = await attempt(config, trusted, way)
  if ('unknown' in again) throw unknownKey(config, known, again.unknown)
  return again
}

interface Knowledge {
  readonly name: string
  readonly keys: readonly KnownKey[]
  readonly withoutPort: readonly KnownKey[]
}

async function knowledge(config: SshConfig): Promise<Knowledge> {
  const files = [...config.userKnownHosts, ...config.globalKnownHosts]
  const name = knownName(config)
  const [keys, withoutPort] = await Promise.all([
    knownKeys(name, files),
    name === config.knownAs ? [] : knownKeys(config.knownAs, files),
  ])
  return { name, keys, withoutPort }
}

const question = (name: string, { type, fingerprint }: ShownKey): string =>
  `The host key of ${name} is not known. It shows ${type} ${fingerprint}. Is that the machine's own key?`

function unknownKey(config: SshConfig, known: Knowledge, shown: ShownKey): Fault {
  const authority = known.keys.some(it => it.marker === 'cert-authority')
  return hostFaults.HOST_KEY_UNKNOWN({
    name: known.name,
    type: shown.type,
    fingerprint: shown.fingerprint,
    line: knownLine(known.name, shown, false),
    file: config.userKnownHosts[0] ?? '~/.ssh/known_hosts',
    note: authority ? ' (known_hosts has a certificate authority for it, which is not supported)' : '',
  })
}

/** One try. An unknown key ends it without having shown who we are: the question to a person takes longer than a handshake may. */
async function attempt(
  config: SshConfig,
  known: Knowledge,
  way: Way,
): Promise<Connection | { readonly unknown: ShownKey }> {
  const { Client } = (await import('ssh2')).default
  const who = await credentials(config)
  const { socket, below } = await reach(config, way)
  const client = new Client()
  const address = `${config.hostname}:${config.port}`
  const tried: string[] = []
  let refusal: Fault | { readonly unknown: ShownKey } | undefined
  const { lost, ended } = watch(client, socket)
  const close = () => {
    client.end()
    // A frozen server does not say goodbye.
    setTimeout(() => socket.destroy(), GOODBYE).unref()
  }
  const fail = (error: Error & { level?: string }): Error => {
    if (error.level === 'client-authentication' || /authentication failures/i.test(error.message))
      return hostFaults.SSH_AUTHENTICATION_FAILED(
        {
          target: config.target,
          who: `${config.user}@${config.hostname}`,
          tried: [...tried, ...who.unusable],
          advice: who.advice,
        },
        error,
      )
    return hostFaults.SSH_HANDSHAKE_FAILED({ target: config.target, address, reason: error.message }, error)
  }
  const { signal } = way.setting
  const connected = new AbortController()
  try {
    await new Promise<void>((ready, failed) => {
      const interrupt = () => failed(hostFaults.COMMAND_INTERRUPTED({ host: config.target, command: 'connecting' }))
      if (!signal.aborted) signal.addEventListener('abort', interrupt, { signal: connected.signal })
      client.once('ready', ready)
      client.on('error', error => {
        // One key that the agent could not sign with; ssh2 goes on to the next.
        if (error.level !== 'agent' && !error.message.startsWith('Error while signing')) failed(fail(error))
      })
      void lost.then(reason => failed(fail(new Error(reason))))
      const attempts = [...who.attempts]
      client.connect({
        sock: socket,
        username: config.user,
        readyTimeout: config.connectTimeout === undefined ? HANDSHAKE : config.connectTimeout * 1000,
        keepaliveInterval: SILENCE / 3,
        // `watch` decides: answers can be late behind an upload on a slow line, and what comes instead is a sign of life.
        keepaliveCountMax: Number.MAX_SAFE_INTEGER,
        algorithms: {
          serverHostKey: algorithmsFor([...known.keys, ...known.withoutPort], config.hostKeyAlgorithms) as never,
        },
        hostVerifier: (wire: Buffer, verify: (valid: boolean) => void) => {
          refusal = verdict(config, known, shownKey(wire))
          verify(refusal === undefined)
        },
        authHandler: (_left, _partial, next) => {
          const following = attempts.shift()
          if (following === undefined) return next(false as never)
          tried.push(following.label)
          next(following.method)
        },
      })
    })
  } catch (error) {
    client.destroy()
    socket.destroy()
    below?.close()
    if (refusal === undefined) throw error
    if ('unknown' in refusal) return refusal
    throw refusal
  } finally {
    connected.abort()
  }
  void lost.then(() => below?.close())
  return { client, lost, ended, close }
}

/** What speaks against a key, if anything. */
function verdict(
  config: SshConfig,
  known: Knowledge,
  shown: ShownKey,
): Fault | { readonly unknown: ShownKey } | undefined {
  const found = judge(shown, known.keys, known.withoutPort)
  const about = { name: known.name, type: shown.type, fingerprint: shown.fingerprint }
  if (found.is === 'known') return undefined
  if (found.is === 'unknown') return { unknown: shown }
  if (found.is === 'revoked')
    return hostFaults.HOST_KEY_REVOKED({ ...about, where: `${found.by.file} line ${found.by.line}` })
  return hostFaults.HOST_KEY_CHANGED({
    ...about,
    known: found.known.map(it => `${it.type} ${fingerprintOf(it)}`).join(', '),
    where: `ssh-keygen -R '${known.name}' -f ${found.known[0]?.file ?? config.userKnownHosts[0]}`,
  })
}

const fingerprintOf = (known: KnownKey): string => shownKey(Buffer.from(known.key, 'base64')).fingerprint

/** Resolves when the connection has ended, with the reason. A server that is silent for too long is cut off. */
function watch(client: Client, socket: Duplex): Pick<Connection, 'lost' | 'ended'> {
  // Flowing before ssh2 listens would lose the first words.
  socket.pause()
  let heard = Date.now()
  let problem = 'the other side closed it'
  socket.on('data', () => {
    heard = Date.now()
  })
  const timer = setInterval(() => {
    if (Date.now() - heard < SILENCE) return
    problem = `no answer for ${SILENCE / 1000} s`
    clearInterval(timer)
    socket.destroy()
  }, 1_000)
  client.on('error', error => {
    problem = error.message
  })
  // Not only as a promise: ssh2 closes the channels in the same turn.
  let reason: string | undefined
  const lost = new Promise<string>(resolve => {
    client.once('close', () => {
      clearInterval(timer)
      reason = problem
      resolve(problem)
    })
  })
  return { lost, ended: () => reason }
}

/** A stream to the server: through the jump hosts, through a ProxyCommand, or straight. */
async function reach(config: SshConfig, way: Way): Promise<{ socket: Duplex; below?: Connection }> {
  const path = [...way.path, config.target]
  if (path.length > DEEPEST)
    throw hostFaults.SSH_JUMPS_TOO_DEEP({ target: way.path[0] ?? config.target, path: path.join(' > ') })
  const last = config.jumps.at(-1)
  if (last !== undefined) {
    const jump = await resolve(parseJump(last), way.configFile)
    const itself = jump.hostname === config.hostname && jump.port === config.port && jump.user === config.user
    if (!itself) {
      // What comes before the last jump in the list is the way to it, whatever its own configuration says.
      const before = config.jumps.slice(0, -1)
      const below = await connectTo(before.length === 0 ? jump : { ...jump, jumps: before, proxyCommand: undefined }, {
        ...way,
        path,
      })
      return { socket: await through(below, config), below }
    }
  }
  if (config.proxyCommand !== undefined) return { socket: proxied(config.proxyCommand) }
  return { socket: await direct(config, way.setting.signal) }
}

async function through(below: Connection, config: SshConfig): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    below.client.forwardOut('127.0.0.1', 0, config.hostname, config.port, (error, channel) => {
      if (error === undefined) return resolve(channel)
      below.close()
      const address = `${config.hostname}:${config.port}`
      reject(
        hostFaults.HOST_UNREACHABLE(
          { target: config.target, address, reason: `the jump host says: ${error.message}` },
          error,
        ),
      )
    })
  })
}

/**
 * As ssh does it: the user's shell runs it, and its standard streams are the connection. A bash of a low level takes such
 * an input for that of a remote shell, and would read its start-up file.
 */
function proxied(command: string): Duplex {
  const child = spawn(process.env.SHELL || '/bin/sh', ['-c', `exec ${command}`], {
    env: { ...process.env, SHLVL: '2' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.on('error', () => undefined)
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
  stream.on('close', () => child.kill())
  return stream
}

function direct(config: SshConfig, signal: AbortSignal): Promise<Socket> {
  const { target, hostname: host, port, family, bindAddress } = config
  const limit = config.connectTimeout === undefined ? REACH : config.connectTimeout * 1000
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
    const timer = setTimeout(() => stop(unreachable(`no answer within ${limit / 1000} s`)), limit)
    if (!signal.aborted) signal.addEventListener('abort', interrupt, { once: true })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const unknown = error.syscall === 'getaddrinfo'
      stop(
        unknown
          ? hostFaults.HOST_NAME_UNKNOWN({ target, name: host }, error)
          : unreachable(REASONS[error.code ?? ''] ?? error.message),
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
  ETIMEDOUT: 'no answer',
}
