/**
 * The ssh configuration of a target: `ssh -G` resolves it, with its includes, matches and canonical names. Reference: ssh_config(5), TOKENS for the
 * percent signs.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { homedir, hostname, userInfo } from 'node:os'
import { hostFaults } from '../faults.ts'

/** The settings for first server. Paths are absolute. */
export interface SshConfig {
  /** As the caller named it. */
  readonly target: string
  readonly user: string
  readonly hostname: string
  readonly port: number
  readonly family: 0 | 4 | 6
  readonly bindAddress: string | undefined
  readonly identityFiles: readonly string[]
  readonly certificateFiles: readonly string[]
  readonly identitiesOnly: boolean
  /** Socket of the agent. */
  readonly agent: string | undefined
  /** Socket of the agent that commands on the host may use, from `ForwardAgent`. */
  readonly forwardAgent: string | undefined
  /** A PKCS#11 library, for smart cards. */
  readonly pkcs11: string | undefined
  /** In the order in which they are connected to. */
  readonly jumps: readonly string[]
  readonly proxyCommand: string | undefined
  readonly userKnownHosts: readonly string[]
  readonly globalKnownHosts: readonly string[]
  readonly hashKnownHosts: boolean
  /** Its name in known_hosts, without the port. */
  readonly knownAs: string
  /** Whether `knownAs` comes from `HostKeyAlias`. */
  readonly aliased: boolean
  readonly hostKeyAlgorithms: readonly string[]
  /** What to do about an unknown host key. Never weaker than `ask`, unless the user chose `accept-new`. */
  readonly unknownKey: 'refuse' | 'ask' | 'accept'
  /** Whether to compress the connection. */
  readonly compression: boolean
  /** In seconds; undefined if the user has not set it. */
  readonly connectTimeout: number | undefined
}

/** A server as named in `ProxyJump`, or by the caller. */
export interface Destination {
  readonly host: string
  readonly user?: string
  readonly port?: number
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`, as in ssh_config(5) for ProxyJump. */
export function parseJump(text: string): Destination {
  const match = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text)
  const [, user, host = text, port] = match ?? []
  return {
    host: host.replace(/^\[|\]$/g, ''),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
  }
}

export async function resolve(destination: Destination, configFile?: string): Promise<SshConfig> {
  const { host, user, port } = destination
  if (host.startsWith('-'))
    throw hostFaults.SSH_CONFIG_INVALID({ target: host, reason: 'a host name cannot start with "-"' })
  const args = [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ]
  const text = await new Promise<string>((done, failed) => {
    execFile('ssh', ['-G', ...args, '--', host], { timeout: 10_000 }, (error, stdout, stderr) => {
      if (error === null) return done(stdout)
      const missing = error.code !== undefined && String(error.code) === 'ENOENT'
      const reason = stderr.trim().split('\n').slice(-2).join(' ') || error.message
      failed(
        missing
          ? hostFaults.SSH_TOOL_MISSING({ tool: 'ssh' }, error)
          : hostFaults.SSH_CONFIG_INVALID({ target: host, reason }, error),
      )
    })
  })
  return parse(host, text, process.env)
}

/**
 * Parses the output of `ssh -G`.
 *
 * @throws SSH_CONFIG_UNSUPPORTED for an unsupported setting that decides which machine we connect to
 */
export function parse(target: string, text: string, env: NodeJS.ProcessEnv): SshConfig {
  const all = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, key = '', value = ''] = /^(\S+) (.*)$/.exec(line) ?? []
    all.set(key, [...(all.get(key) ?? []), value])
  }
  const first = (key: string): string | undefined => {
    const value = all.get(key)?.[0]
    return value === undefined || value === 'none' || value === '' ? undefined : value
  }
  for (const [option, allowed] of SECURITY_OPTIONS) {
    const value = first(option)
    if (value !== undefined && !allowed.includes(value))
      throw hostFaults.SSH_CONFIG_UNSUPPORTED({ target, option, value })
  }
  const host = first('hostname') ?? target
  const user = first('user') ?? userInfo().username
  const port = Number(first('port') ?? 22)
  const jumps = first('proxyjump')?.split(',') ?? []
  const path = (value: string): string => expand(value, { target, host, user, port, env, jump: first('proxyjump') })
  const [identityAgent] = all.get('identityagent') ?? []
  const proxy = first('proxycommand')
  const timeout = first('connecttimeout')
  return {
    target,
    user,
    hostname: host,
    port,
    family: FAMILIES[first('addressfamily') ?? ''] ?? 0,
    bindAddress: first('bindaddress'),
    identityFiles: (all.get('identityfile') ?? []).filter(file => file !== 'none').map(path),
    certificateFiles: (all.get('certificatefile') ?? []).filter(file => file !== 'none').map(path),
    identitiesOnly: first('identitiesonly') === 'yes',
    agent: agentSocket(identityAgent, env, path),
    forwardAgent: forwarded(first('forwardagent'), agentSocket(identityAgent, env, path), env, path),
    pkcs11: first('pkcs11provider'),
    jumps,
    proxyCommand: proxy === undefined ? undefined : path(proxy),
    userKnownHosts: paths(first('userknownhostsfile')).map(path),
    globalKnownHosts: paths(first('globalknownhostsfile')).map(path),
    hashKnownHosts: first('hashknownhosts') === 'yes',
    knownAs: (first('hostkeyalias') ?? host).toLowerCase(),
    aliased: first('hostkeyalias') !== undefined,
    hostKeyAlgorithms: first('hostkeyalgorithms')?.split(',') ?? [],
    unknownKey: UNKNOWN_KEY[first('stricthostkeychecking') ?? ''] ?? 'ask',
    compression: first('compression') === 'yes',
    connectTimeout: Number(timeout ?? 0) || undefined,
  }
}

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 }
/** `no` and `off` would accept any host key; here they mean `ask`. */
const UNKNOWN_KEY: Readonly<Record<string, SshConfig['unknownKey']>> = {
  true: 'refuse',
  yes: 'refuse',
  'accept-new': 'accept',
}

/** Unsupported options that decide which machine we connect to or which key is rejected, with the values that have no effect. */
const SECURITY_OPTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['bindinterface', []],
  ['proxyusefdpass', ['no']],
  ['revokedhostkeys', []],
  ['tunnel', ['false', 'no']],
]

/** `ssh -G` separates paths by spaces and does not quote them: a part that does not start like a path belongs to the first before. */
const paths = (value = ''): string[] => value.split(/ +(?=[~/%$])/).filter(path => path !== '')

function agentSocket(
  configured: string | undefined,
  env: NodeJS.ProcessEnv,
  path: (value: string) => string,
): string | undefined {
  if (configured === 'none') return undefined
  if (configured === undefined || configured === 'SSH_AUTH_SOCK') return env.SSH_AUTH_SOCK || undefined
  return /^\$\w/.test(configured) ? env[configured.slice(1)] : path(configured)
}

/** `ForwardAgent` is yes, no, the path of a socket, or a variable with first. */
function forwarded(
  configured: string | undefined,
  agent: string | undefined,
  env: NodeJS.ProcessEnv,
  path: (value: string) => string,
): string | undefined {
  if (configured === undefined || configured === 'no') return undefined
  return configured === 'yes' ? agent : agentSocket(configured, env, path)
}

interface Tokens {
  readonly target: string
  readonly host: string
  readonly user: string
  readonly port: number
  readonly jump: string | undefined
  readonly env: NodeJS.ProcessEnv
}

/** Expands percent tokens, `${NAME}` and a leading `~`, which `ssh -G` leaves unexpanded. */
function expand(value: string, { target, host, user, port, jump, env }: Tokens): string {
  const { username, uid } = userInfo()
  const home = homedir()
  const [machine] = hostname().split('.')
  const tokens: Readonly<Record<string, string>> = {
    '%': '%',
    d: home,
    h: host,
    i: String(uid),
    j: jump ?? '',
    k: host,
    L: machine ?? '',
    l: hostname(),
    n: target,
    p: String(port),
    r: user,
    u: username,
    C: createHash('sha1')
      .update(`${hostname()}${host}${port}${user}${jump ?? ''}`)
      .digest('hex'),
  }
  return value
    .replace(/^~(?=\/)/, home)
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole)
    .replace(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole)
}
