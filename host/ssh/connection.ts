/** One verified, authenticated SSH connection, through as many jump hosts as the configuration asks for. */
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
import { type Knowledge, knowledge, question, unknownKey, verdict } from './host-key.ts'
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
   * Ends it and the connections to the jump hosts below. Resolves when our last word is on its way: nobody needs to wait until the other side has
   * heard it, unless it goes through something of ours that would end with us.
   */
  close(): Promise<void>
}

/** Milliseconds. */
const HANDSHAKE = 15_000
const GOODBYE = 2_000
/** How long a server may be silent before it counts as dead; it is asked for an answer three times in this time. */
const SILENCE = 15_000
const DEEPEST = 8
/** Only when the configuration says so, as with ssh: it halves what a fast line carries. docs/performance.md has the numbers. */
const COMPRESSED: CompressionAlgorithm[] = ['zlib@openssh.com', 'none']

export interface ConnectOptions {
  readonly setting: HostSetting
  readonly configFile: string | undefined
  /** Counts what the connection costs, that to the jump hosts included. */
  readonly meter: Meter
}

export const connect = (config: SshConfig, options: ConnectOptions): Promise<Connection> =>
  connectTo(config, { ...options, path: [] })

interface ConnectPlan extends ConnectOptions {
  /** The servers on whose behalf this connection is made, for the fault about a circle. */
  readonly path: readonly string[]
}

async function connectTo(config: SshConfig, way: ConnectPlan): Promise<Connection> {
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

/** The server let nobody in just then: it closed the connection before it said that it is one, as sshd does beyond `MaxStartups`. */
class TurnedAway extends Error {}
const CLOSED = /other side closed|Connection lost before handshake|ECONNRESET|ended by other party/i
/** Milliseconds before each further try. */
const PAUSES = [300, 700, 1_500, 3_000]

/** Tries again after a while when the server was too busy to speak. */
async function attempt(
  config: SshConfig,
  known: Knowledge,
  way: ConnectPlan,
  pauses = PAUSES,
): ReturnType<typeof attemptOnce> {
  try {
    return await attemptOnce(config, known, way)
  } catch (error) {
    if (!(error instanceof TurnedAway)) throw error
    const [pause, ...more] = pauses
    if (pause === undefined) {
      const address = `${config.hostname}:${config.port}`
      const reason = `${error.message} before it said that it is an SSH server, ${PAUSES.length + 1} times; perhaps it has too many connections at once (MaxStartups in sshd_config)`
      throw hostFaults.SSH_HANDSHAKE_FAILED({ target: config.target, address, reason }, error)
    }
    const { signal } = way.setting
    await sleep(pause, undefined, signal.aborted ? {} : { signal }).catch(() => {
      throw hostFaults.COMMAND_INTERRUPTED({ host: config.target, command: 'connecting' })
    })
    return attempt(config, known, way, more)
  }
}

/** One try. An unknown key ends it without having shown who we are: the question to a person takes longer than a handshake may. */
async function attemptOnce(
  config: SshConfig,
  known: Knowledge,
  way: ConnectPlan,
): Promise<Connection | { readonly unknown: ShownKey }> {
  const { Client } = (await import('ssh2')).default
  const algorithms = algorithmsFor([...known.keys, ...known.withoutPort], config.hostKeyAlgorithms)
  // ssh2 would take an empty list for all that it knows.
  if (algorithms.length === 0) {
    const value = config.hostKeyAlgorithms.join(',')
    throw hostFaults.SSH_CONFIG_UNSUPPORTED({ target: config.target, option: 'hostkeyalgorithms', value })
  }
  const who = await credentials(config)
  const { socket, below, said } = await reach(config, way)
  const client = new Client()
  const answered = way.meter.handshake()
  const address = `${config.hostname}:${config.port}`
  let refusal: Fault | { readonly unknown: ShownKey } | undefined
  const { lost, ended, greeted } = watch(client, socket)
  const authentication = login(client, config, who, answered)
  const close = async () => {
    client.end()
    // A frozen server does not say goodbye.
    setTimeout(() => socket.destroy(), GOODBYE).unref()
    if (below || said) await lost
    else await Promise.race([lost, finished(socket, { readable: false }).catch(() => undefined)])
  }
  const explain = async (error: Error & { level?: string }): Promise<Fault> => {
    if (error instanceof Fault) return error
    const denied = authentication.explain(error)
    if (denied) return denied
    const reason = [error.message, await said?.()].filter(Boolean).join(': ')
    if (said === undefined && !greeted() && CLOSED.test(error.message)) throw new TurnedAway(reason)
    return hostFaults.SSH_HANDSHAKE_FAILED({ target: config.target, address, reason }, error)
  }
  const { signal } = way.setting
  const connected = new AbortController()
  try {
    await new Promise<void>((ready, failed) => {
      const interrupt = () => failed(hostFaults.COMMAND_INTERRUPTED({ host: config.target, command: 'connecting' }))
      if (!signal.aborted) signal.addEventListener('abort', interrupt, { signal: connected.signal })
      client.once('ready', ready).once('ready', answered)
      client.on('error', error => {
        // One key that the agent could not sign with; ssh2 goes on to the next.
        if (error.level !== 'agent' && !error.message.startsWith('Error while signing')) failed(error)
      })
      void lost.then(reason => failed(new Error(reason)))
      client.connect({
        sock: socket,
        username: config.user,
        readyTimeout: config.connectTimeout === undefined ? HANDSHAKE : config.connectTimeout * 1000,
        keepaliveInterval: SILENCE / 3,
        // `watch` decides: answers can be late behind an upload on a slow line, and what comes instead is a sign of life.
        keepaliveCountMax: Number.MAX_SAFE_INTEGER,
        algorithms: { serverHostKey: algorithms as never, ...(config.compression && { compress: COMPRESSED }) },
        hostVerifier: (wire: Buffer, verify: (valid: boolean) => void) => {
          // Asked again when keys are changed later: much may be on its way then.
          if (!connected.signal.aborted) answered()
          refusal = verdict(config, known, shownKey(wire))
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

/** Resolves when the connection has ended, with the reason. A server that is silent for too long is cut off. */
function watch(client: Client, socket: Duplex): Pick<Connection, 'lost' | 'ended'> & { greeted(): boolean } {
  // Flowing before ssh2 listens would lose the first words.
  socket.pause()
  let heard = Date.now()
  let problem = 'the other side closed it'
  let first: Buffer | undefined
  socket.on('data', (chunk: Buffer) => {
    first ??= chunk
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
  return { lost, ended: () => reason, greeted: () => first?.includes('SSH-') === true }
}

interface Reached {
  readonly socket: Duplex
  readonly below?: Connection
  /** The last words of a ProxyCommand. */
  readonly said?: () => Promise<string>
}

/** A stream to the server: through the jump hosts, through a ProxyCommand, or straight. */
async function reach(config: SshConfig, way: ConnectPlan): Promise<Reached> {
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
  if (config.proxyCommand !== undefined) {
    const { socket, said } = proxied(config.proxyCommand)
    return { socket: way.meter.watch(socket), said }
  }
  return { socket: way.meter.watch(await direct(config, way.setting.signal)) }
}

async function through(below: Connection, config: SshConfig): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    below.client.forwardOut('127.0.0.1', 0, config.hostname, config.port, (error, channel) => {
      if (error === undefined) return resolve(channel)
      void below.close()
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
