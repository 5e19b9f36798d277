/**
 * What plain `ssh` would do for a target: `ssh -G` resolves the whole configuration, with its includes, matches and
 * canonical names. Knowledge: ssh_config(5), `TOKENS` for the percent signs.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { homedir, hostname, userInfo } from 'node:os'
import { hostFaults } from '../faults.ts'

/** Everything about one server that matters to us. Paths are absolute. */
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
  /** Socket of the agent that commands on the host may use, as `ForwardAgent` says. */
  readonly forwardAgent: string | undefined
  /** A library for smart cards. */
  readonly pkcs11: string | undefined
  /** In the order of the connections, the first one is reached first. */
  readonly jumps: readonly string[]
  readonly proxyCommand: string | undefined
  readonly userKnownHosts: readonly string[]
  readonly globalKnownHosts: readonly string[]
  readonly hashKnownHosts: boolean
  /** The name that known_hosts has for it, without the port. */
  readonly knownAs: string
  readonly aliased: boolean
  readonly hostKeyAlgorithms: readonly string[]
  /** What to do about an unknown key. Never weaker than asking, except where the user chose `accept-new`. */
  readonly unknownKey: 'refuse' | 'ask' | 'accept'
  /** Whether all that travels is compressed. */
  readonly compression: boolean
  /** Seconds, when the user has set it. */
  readonly connectTimeout: number | undefined
}

/** A server as `ProxyJump` names it, or as the caller does. */
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
  const words = [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ]
  const text = await new Promise<string>((done, failed) => {
    execFile('ssh', ['-G', ...words, '--', host], { timeout: 10_000 }, (error, stdout, stderr) => {
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

/** Reads what `ssh -G` printed. A setting that would change whom we talk to, and is not supported, is a `Fault`. */
export function parse(target: string, text: string, env: NodeJS.ProcessEnv): SshConfig {
  const all = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, key = '', value = ''] = /^(\S+) (.*)$/.exec(line) ?? []
    all.set(key, [...(all.get(key) ?? []), value])
  }
  const one = (key: string): string | undefined => {
    const value = all.get(key)?.[0]
    return value === undefined || value === 'none' || value === '' ? undefined : value
  }
  for (const [option, allowed] of CHANGES_WHOM) {
    const value = one(option)
    if (value !== undefined && !allowed.includes(value))
      throw hostFaults.SSH_CONFIG_UNSUPPORTED({ target, option, value })
  }
  const host = one('hostname') ?? target
  const user = one('user') ?? userInfo().username
  const port = Number(one('port') ?? 22)
  const jumps = one('proxyjump')?.split(',') ?? []
  const path = (value: string): string => expand(value, { target, host, user, port, env, jump: one('proxyjump') })
  const [identityAgent] = all.get('identityagent') ?? []
  const proxy = one('proxycommand')
  const timeout = one('connecttimeout')
  return {
    target,
    user,
    hostname: host,
    port,
    family: FAMILIES[one('addressfamily') ?? ''] ?? 0,
    bindAddress: one('bindaddress'),
    identityFiles: (all.get('identityfile') ?? []).filter(file => file !== 'none').map(path),
    certificateFiles: (all.get('certificatefile') ?? []).filter(file => file !== 'none').map(path),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agentSocket(identityAgent, env, path),
    forwardAgent: forwarded(one('forwardagent'), agentSocket(identityAgent, env, path), env, path),
    pkcs11: one('pkcs11provider'),
    jumps,
    proxyCommand: proxy === undefined ? undefined : path(proxy),
    userKnownHosts: paths(one('userknownhostsfile')).map(path),
    globalKnownHosts: paths(one('globalknownhostsfile')).map(path),
    hashKnownHosts: one('hashknownhosts') === 'yes',
    knownAs: (one('hostkeyalias') ?? host).toLowerCase(),
    aliased: one('hostkeyalias') !== undefined,
    hostKeyAlgorithms: one('hostkeyalgorithms')?.split(',') ?? [],
    unknownKey: UNKNOWN_KEY[one('stricthostkeychecking') ?? ''] ?? 'ask',
    compression: one('compression') === 'yes',
    connectTimeout: Number(timeout ?? 0) || undefined,
  }
}

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 }
/** `no` and `off` would take any key of anyone: here they ask, like `ask`. */
const UNKNOWN_KEY: Readonly<Record<string, SshConfig['unknownKey']>> = {
  true: 'refuse',
  yes: 'refuse',
  'accept-new': 'accept',
}

/** Options that decide which machine answers, or which key is refused, with the values that change nothing. */
const CHANGES_WHOM: readonly (readonly [string, readonly string[]])[] = [
  ['bindinterface', []],
  ['proxyusefdpass', ['no']],
  ['revokedhostkeys', []],
  ['tunnel', ['false', 'no']],
]

/** `ssh -G` separates several paths by spaces and does not quote them: what does not begin like a path goes on with the one before. */
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

/** `ForwardAgent` is yes, no, the path of a socket, or a variable that holds one. */
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

/** Percent tokens, `${NAME}` and a leading `~`: what `ssh -G` leaves as it stands in the file. */
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
