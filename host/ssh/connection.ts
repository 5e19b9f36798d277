/** Opens one verified and authenticated SSH connection, through the jump hosts of the configuration. */
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientChannel, CompressionAlgorithm } from 'ssh2'
import { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import type { HostSetting } from '../host.ts'
import { login } from './authenticate.ts'
import { parseJump, resolve, type SshConfig } from './config.ts'
import { credentials } from './credentials.ts'
import { forwardAgent } from './forward-agent.ts'
import { checkHostKey, hostKeyQuestion, type KnownHost, knownHost, unknownKey } from './host-key.ts'
import { algorithmsFor, knownLine, remember, type ShownKey, shownKey } from './known-hosts.ts'
import { direct, proxied } from './socket.ts'
import type { Meter } from './traffic-meter.ts'

export interface Connection {
  readonly client: Client
  /** Resolves when it has ended, with the reason. */
  readonly lost: Promise<string>
  /** The reason, once it has ended. */
  ended(): string | undefined
  /**
   * Closes it and the connections to its jump hosts. Resolves when our last packet was sent; with a jump host or a ProxyCommand when the server has
   * closed it, because these would end with this process.
   */
  close(): Promise<void>
}

/** Milliseconds, without `ConnectTimeout`. */
const HANDSHAKE = 15_000
/** Milliseconds until a closed connection is cut. */
const GOODBYE = 2_000
/** Milliseconds without data after which a server counts as dead. Three keep-alive requests are sent in this time. */
const SILENCE = 15_000
/** Jump hosts in a row. */
const DEEPEST = 8
/** Only if the configuration sets it, as with ssh: it halves the throughput of a fast connection. Numbers: docs/performance.md. */
const COMPRESSED: CompressionAlgorithm[] = ['zlib@openssh.com', 'none']

export interface ConnectOptions {
  readonly setting: HostSetting
  readonly configFile: string | undefined
  /** Counts the traffic, including that to the jump hosts. */
  readonly meter: Meter
}

export const connect = (config: SshConfig, options: ConnectOptions): Promise<Connection> =>
  connectTo(config, { ...options, path: [] })

interface ConnectPlan extends ConnectOptions {
  /** The targets that this connection is a jump host for, to detect a cycle. */
  readonly path: readonly string[]
}

async function connectTo(config: SshConfig, plan: ConnectPlan): Promise<Connection> {
  const known = await knownHost(config)
  const result = await attempt(config, known, plan)
  if (!('unknown' in result)) return result
  const line = knownLine(known.name, result.unknown, config.hashKnownHosts)
  const [file] = config.userKnownHosts
  const accepted =
    config.unknownKey === 'accept' ||
    (config.unknownKey === 'ask' && (await plan.setting.confirm(hostKeyQuestion(known.name, result.unknown))))
  if (!accepted) throw unknownKey(config, known, result.unknown)
  if (file !== undefined && file !== '/dev/null') await remember(file, line)
  const { type, key } = result.unknown
  const trusted = { ...known, keys: [{ marker: undefined, type, key, file: file ?? '', line: 0 }] }
  const again = await attempt(config, trusted, plan)
  if ('unknown' in again) throw unknownKey(config, known, again.unknown)
  return again
}

/** The server closed the connection before its SSH greeting, as sshd does above `MaxStartups`. */
class ClosedBeforeGreeting extends Error {}
const CLOSED = /other side closed|Connection lost before handshake|ECONNRESET|ended by other party/i
const SILENT = 'the port accepts connections, but no SSH server greets there'
/** Milliseconds before each retry. */
const PAUSES = [300, 700, 1_500, 3_000]

/** Retries if the server closed the connection before its greeting. */
async function attempt(
  config: SshConfig,
  known: KnownHost,
  plan: ConnectPlan,
  pauses = PAUSES,
): ReturnType<typeof attemptOnce> {
  try {
    return await attemptOnce(config, known, plan)
  } catch (error) {
    if (!(error instanceof ClosedBeforeGreeting)) throw error
    const [pause, ...more] = pauses
    if (pause === undefined) {
      const address = `${config.hostname}:${config.port}`
      const reason = `${error.message} before the server sent its greeting, ${PAUSES.length + 1} times; it may have too many connections at once (MaxStartups in sshd_config), or a firewall may have closed them`
      throw hostFaults.SSH_HANDSHAKE_FAILED({ target: config.target, address, reason }, error)
    }
    const { signal } = plan.setting
    await sleep(pause, undefined, signal.aborted ? {} : { signal }).catch(() => {
      throw hostFaults.COMMAND_INTERRUPTED({ host: config.target, command: 'connecting' })
    })
    return attempt(config, known, plan, more)
  }
}

/** One attempt. An unknown host key ends it before authentication, because a confirmation may take longer than the handshake timeout. */
async function attemptOnce(
  config: SshConfig,
  known: KnownHost,
  plan: ConnectPlan,
): Promise<Connection | { readonly unknown: ShownKey }> {
  const algorithms = algorithmsFor([...known.keys, ...known.withoutPort], config.hostKeyAlgorithms)
  // ssh2 would take an empty list for all algorithms.
  if (algorithms.length === 0) {
    const value = config.hostKeyAlgorithms.join(',')
    throw hostFaults.SSH_CONFIG_UNSUPPORTED({ target: config.target, option: 'hostkeyalgorithms', value })
  }
  const { Client, who, reached } = await prepared(config, plan)
  const { socket, below, proxyError } = reached
  const client = new Client()
  const onResponse = plan.meter.handshake()
  const address = `${config.hostname}:${config.port}`
  let refusal: Fault | { readonly unknown: ShownKey } | undefined
  const { lost, ended, greeted } = watch(client, socket)
  const authentication = login(client, config, who, onResponse)
  const close = async () => {
    client.end()
    // A frozen server does not close the connection.
    setTimeout(() => socket.destroy(), GOODBYE).unref()
    if (below || proxyError) await lost
    else await Promise.race([lost, finished(socket, { readable: false }).catch(() => undefined)])
  }
  const explain = async (error: Error & { level?: string }): Promise<Fault> => {
    if (error instanceof Fault) return error
    const denied = authentication.explain(error)
    if (denied) return denied
    const reason = [
      error.message
        .replace('Connection lost before handshake', 'the connection was closed')
        .replace(/^Timed out while waiting for handshake$/, timeout => (greeted() ? timeout : SILENT)),
      await proxyError?.(),
    ]
      .filter(Boolean)
      .join(': ')
    if (proxyError === undefined && !greeted() && CLOSED.test(error.message)) throw new ClosedBeforeGreeting(reason)
    return hostFaults.SSH_HANDSHAKE_FAILED({ target: config.target, address, reason }, error)
  }
  const { signal } = plan.setting
  const connected = new AbortController()
  try {
    await new Promise<void>((ready, failed) => {
      const interrupt = () => failed(hostFaults.COMMAND_INTERRUPTED({ host: config.target, command: 'connecting' }))
      if (!signal.aborted) signal.addEventListener('abort', interrupt, { signal: connected.signal })
      client.once('ready', ready).once('ready', onResponse)
      client.on('error', error => {
        // The agent could not sign with one key; ssh2 continues with the next.
        if (error.level !== 'agent' && !error.message.startsWith('Error while signing')) failed(error)
      })
      void lost.then(reason => failed(new Error(reason)))
      client.connect({
        sock: socket,
        username: config.user,
        readyTimeout: config.connectTimeout === undefined ? HANDSHAKE : config.connectTimeout * 1000,
        keepaliveInterval: SILENCE / 3,
        // `watch` detects a dead server: during an upload over a slow connection the responses may be late, but other data comes.
        keepaliveCountMax: Number.MAX_SAFE_INTEGER,
        algorithms: { serverHostKey: algorithms as never, ...(config.compression && { compress: COMPRESSED }) },
        hostVerifier: (wire: Buffer, verify: (valid: boolean) => void) => {
          // ssh2 also calls this when the keys are exchanged again later, when the time is no measure of a round trip.
          if (!connected.signal.aborted) onResponse()
          refusal = checkHostKey(config, known, shownKey(wire))
          verify(refusal === undefined)
        },
        authHandler: authentication.handler,
        ...(config.forwardAgent !== undefined && { agent: config.forwardAgent }),
      })
      authentication.listen(client)
    })
  } catch (error) {
    client.destroy()
    socket.destroy()
    void below?.close()
    if (refusal === undefined) throw await explain(error as Error)
    if ('unknown' in refusal) return refusal
    throw refusal
  } finally {
    connected.abort()
  }
  void lost.then(() => void below?.close())
  if (config.forwardAgent !== undefined) forwardAgent(client)
  return { client, lost, ended, close }
}

/** What a handshake needs. A server answers while ssh2 is loaded and the keys are read; a ProxyCommand might end before somebody listens to it. */
async function prepared(config: SshConfig, plan: ConnectPlan) {
  const needed = Promise.all([import('ssh2'), credentials(config)])
  if (config.proxyCommand !== undefined) await needed
  const reaching = reach(config, plan)
  try {
    const [[ssh2, who], reached] = await Promise.all([needed, reaching])
    if (reached.socket.destroyed && !reached.proxyError) throw new ClosedBeforeGreeting('the other side closed it')
    return { Client: ssh2.default.Client, who, reached }
  } catch (error) {
    reaching.then(
      ({ socket, below }) => {
        socket.destroy()
        void below?.close()
      },
      () => undefined,
    )
    throw error
  }
}

/** Watches a connection: gives the reason of its end, and cuts it when the server is silent for too long. */
function watch(client: Client, socket: Duplex): Pick<Connection, 'lost' | 'ended'> & { greeted(): boolean } {
  // Data that flows before ssh2 listens would be lost.
  socket.pause()
  let lastData = Date.now()
  let problem = 'the other side closed it'
  let first: Buffer | undefined
  socket.on('data', (chunk: Buffer) => {
    first ??= chunk
    lastData = Date.now()
  })
  const timer = setInterval(() => {
    if (Date.now() - lastData < SILENCE) return
    problem = `no answer for ${SILENCE / 1000} s`
    clearInterval(timer)
    socket.destroy()
  }, 1_000)
  client.on('error', error => {
    problem = error.message
  })
  // Also available synchronously: ssh2 closes the channels in the same tick.
  let reason: string | undefined
  const lost = new Promise<string>(resolve => {
    client.once('close', () => {
      clearInterval(timer)
      reason = problem
      resolve(problem)
    })
  })
  return { lost, ended: () => reason, greeted: () => first?.includes('SSH-') === true }
}

interface Reached {
  readonly socket: Duplex
  readonly below?: Connection
  /** Resolves to the last line that a ProxyCommand printed on stderr. */
  readonly proxyError?: () => Promise<string>
}

/** Opens a stream to the server: through the jump hosts, through a ProxyCommand, or directly. */
async function reach(config: SshConfig, plan: ConnectPlan): Promise<Reached> {
  const path = [...plan.path, config.target]
  if (path.length > DEEPEST)
    throw hostFaults.SSH_JUMPS_TOO_DEEP({ target: plan.path[0] ?? config.target, path: path.join(' > ') })
  const last = config.jumps.at(-1)
  if (last !== undefined) {
    const jump = await resolve(parseJump(last), plan.configFile)
    const itself = jump.hostname === config.hostname && jump.port === config.port && jump.user === config.user
    if (!itself) {
      // The list gives the route to its last jump host and overrides that host's own configuration.
      const before = config.jumps.slice(0, -1)
      const below = await connectTo(before.length === 0 ? jump : { ...jump, jumps: before, proxyCommand: undefined }, {
        ...plan,
        path,
      })
      return { socket: await through(below, config), below }
    }
  }
  if (config.proxyCommand !== undefined) {
    const { socket, lastError } = proxied(config.proxyCommand)
    return { socket: plan.meter.watch(socket), proxyError: lastError }
  }
  return { socket: plan.meter.watch(await direct(config, plan.setting.signal)) }
}

async function through(below: Connection, config: SshConfig): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    below.client.forwardOut('127.0.0.1', 0, config.hostname, config.port, (error, channel) => {
      if (error === undefined) return resolve(channel)
      void below.close()
      const address = `${config.hostname}:${config.port}`
      reject(
        hostFaults.HOST_UNREACHABLE(
          { target: config.target, address, reason: `the jump host reports: ${error.message}` },
          error,
        ),
      )
    })
  })
}
