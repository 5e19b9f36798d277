/** With what we show who we are: the keys of the agent and of the files, in the order in which ssh would try them. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import type { AgentAuthMethod, AnyAuthMethod, BaseAgent, ParsedKey, PublicKeyAuthMethod } from 'ssh2'
import type { SshConfig } from './ssh-config.ts'

export interface Attempt {
  /** For people, when all has failed: `key ~/.ssh/id_ed25519`. */
  readonly label: string
  readonly method: AnyAuthMethod
}

export interface Credentials {
  readonly attempts: readonly Attempt[]
  /** What could not even be tried, for people. */
  readonly unusable: readonly string[]
  /** What to do about it when nothing is accepted. */
  readonly advice: string
}

interface KeyFile {
  readonly path: string
  /** Undefined when it cannot be used without the agent. */
  readonly key: ParsedKey | undefined
  /** Whether that is because it has a passphrase, and not because only its public half is here. */
  readonly locked: boolean
  /** The public half, from the file itself or from `.pub` beside it: to find the key in the agent. */
  readonly public: Buffer | undefined
}

export async function credentials(config: SshConfig): Promise<Credentials> {
  const { createAgent, utils } = (await import('ssh2')).default
  const parse = (data: Buffer | string): ParsedKey | Error => first(utils.parseKey(data))
  const { user: username } = config
  const files = (await Promise.all(config.identityFiles.map(path => keyFile(path, parse)))).filter(
    it => it !== undefined,
  )

  const agent = config.agent === undefined ? undefined : createAgent(config.agent)
  const held = agent === undefined ? [] : await identities(agent, parse)
  const isOurs = (key: ParsedKey) => files.some(file => file.public?.equals(key.getPublicSSH()))
  const agentKeys = [
    ...(held ?? []).filter(isOurs),
    ...(held ?? []).filter(key => !config.identitiesOnly && !isOurs(key)),
  ]
  const inAgent = (file: KeyFile) => agentKeys.some(key => file.public?.equals(key.getPublicSSH()))

  const plain = files.filter(file => file.key?.isPrivateKey() === true && !inAgent(file))
  const unheld = files.filter(file => file.key === undefined && !inAgent(file))
  const locked = unheld.filter(file => file.locked)
  const attempts: Attempt[] = [
    ...(agent !== undefined && agentKeys.length > 0
      ? [
          {
            label: 'agent',
            method: { type: 'agent', username, agent: offering(agent, agentKeys) } satisfies AgentAuthMethod,
          },
        ]
      : []),
    ...plain.flatMap(file =>
      file.key === undefined
        ? []
        : [
            {
              label: `key ${tilde(file.path)}`,
              method: { type: 'publickey', username, key: file.key } satisfies PublicKeyAuthMethod,
            },
          ],
    ),
  ]
  const unusable = [
    ...(held === undefined
      ? ['agent (does not answer)']
      : agent !== undefined && agentKeys.length === 0
        ? [`agent (holds ${held.length === 0 ? 'no key' : 'none of these keys'})`]
        : []),
    ...unheld.map(({ path, locked }) =>
      locked
        ? `key ${tilde(path)} (has a passphrase and is not in the agent)`
        : `key ${tilde(path)} (its private half is neither here nor in the agent)`,
    ),
    ...config.certificateFiles.map(path => `certificate ${tilde(path)} (not supported)`),
  ]
  const [lock] = locked
  const advice =
    lock === undefined
      ? `put your public key into ~/.ssh/authorized_keys of ${username} there, until this works: ssh ${config.target} true`
      : `add the key to your agent, once: ssh-add ${tilde(lock.path)}`
  return { attempts, unusable, advice }
}

const first = <T>(value: T | T[]): T => (Array.isArray(value) ? (value[0] as T) : value)

const tilde = (path: string): string => (path.startsWith(`${homedir()}/`) ? `~${path.slice(homedir().length)}` : path)

async function keyFile(path: string, parse: (data: Buffer) => ParsedKey | Error): Promise<KeyFile | undefined> {
  const read = (name: string) => readFile(name).catch(() => undefined)
  const [data, beside] = await Promise.all([read(path), read(`${path}.pub`)])
  const half = beside === undefined ? undefined : parse(beside)
  const fromBeside = half === undefined || half instanceof Error ? undefined : half.getPublicSSH()
  // The private half may live in the agent alone.
  if (data === undefined) return fromBeside && { path, key: undefined, locked: false, public: fromBeside }
  const key = parse(data)
  if (!(key instanceof Error)) return { path, key, locked: false, public: key.getPublicSSH() }
  if (!/encrypted|passphrase/i.test(key.message)) return undefined
  return { path, key: undefined, locked: true, public: fromBeside ?? publicHalf(data) }
}

/** OpenSSH's own format keeps the public key in the clear: after a magic word come three strings, a count, and it. */
function publicHalf(file: Buffer): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(file.toString('latin1'))?.[1]
  if (body === undefined) return undefined
  const data = Buffer.from(body, 'base64')
  let at = 'openssh-key-v1\0'.length
  const next = (): Buffer => {
    const from = at + 4
    at = from + data.readUInt32BE(at)
    return data.subarray(from, at)
  }
  next()
  next()
  next()
  at += 4
  return next()
}

/** The keys that the agent holds; undefined when it does not answer. */
function identities(
  agent: BaseAgent,
  parse: (data: Buffer | string) => ParsedKey | Error,
): Promise<ParsedKey[] | undefined> {
  return new Promise(resolve => {
    agent.getIdentities((error, keys) => {
      if (error || keys === undefined) return resolve(undefined)
      const parsed = keys.map(key => (typeof key === 'object' && 'getPublicSSH' in key ? key : parse(key as Buffer)))
      resolve(parsed.filter((key): key is ParsedKey => !(key instanceof Error)))
    })
  })
}

/** The same agent, which offers these keys alone. */
const offering = (agent: BaseAgent, keys: ParsedKey[]): BaseAgent =>
  Object.assign(Object.create(agent) as BaseAgent, {
    getIdentities: (done: (error: undefined, keys: ParsedKey[]) => void) => done(undefined, keys),
  })
