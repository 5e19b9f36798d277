/**
 * Host keys against the known_hosts files. `ssh-keygen -F` finds the lines, so hashed names, patterns and `[host]:port`
 * mean what they mean to ssh. Knowledge: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
 */
import { execFile } from 'node:child_process'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hostFaults } from '../faults.ts'
import type { SshConfig } from './config.ts'

export interface KnownKey {
  readonly marker: 'cert-authority' | 'revoked' | undefined
  /** `ssh-ed25519` and so on. */
  readonly type: string
  /** Base64, as in the file. */
  readonly key: string
  readonly file: string
  readonly line: number
}

/** A key that a server shows. */
export interface ShownKey {
  readonly type: string
  readonly key: string
  /** `SHA256:...`, as ssh prints it. */
  readonly fingerprint: string
}

export type Verdict =
  | { readonly is: 'known' }
  | { readonly is: 'unknown' }
  | { readonly is: 'changed'; readonly known: readonly KnownKey[] }
  | { readonly is: 'revoked'; readonly by: KnownKey }

export const fingerprint = (key: string): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`

/** The public key as it comes over the wire: its type is its first field. */
export function shownKey(wire: Buffer): ShownKey {
  const key = wire.toString('base64')
  return { type: wire.subarray(4, 4 + wire.readUInt32BE(0)).toString(), key, fingerprint: fingerprint(key) }
}

/** The name under which known_hosts keeps a server. An alias stands for itself, whatever the port. */
export const knownName = ({ knownAs, aliased, port }: Pick<SshConfig, 'knownAs' | 'aliased' | 'port'>): string =>
  aliased || port === 22 ? knownAs : `[${knownAs}]:${port}`

/**
 * Whether a key is the one that the files hold. A host that is known by other keys only has changed its key: ssh would
 * still ask about a key of another type, this does not.
 */
export function verifyHostKey(
  shown: ShownKey,
  known: readonly KnownKey[],
  withoutPort: readonly KnownKey[] = [],
): Verdict {
  const same = (it: KnownKey) => it.type === shown.type && it.key === shown.key
  const by = [...known, ...withoutPort].find(it => it.marker === 'revoked' && same(it))
  if (by !== undefined) return { is: 'revoked', by }
  const plain = known.filter(it => it.marker === undefined)
  if (plain.some(same)) return { is: 'known' }
  if (plain.length > 0) return { is: 'changed', known: plain }
  return { is: withoutPort.some(it => it.marker === undefined && same(it)) ? 'known' : 'unknown' }
}

/** Signature algorithms to ask the server for: those of the known keys first, so that it shows the key that we can check. */
export function algorithmsFor(known: readonly KnownKey[], allowed: readonly string[]): string[] {
  const types = new Set(known.filter(it => it.marker === undefined).map(it => it.type))
  const usable = ALGORITHMS.filter(it => allowed.length === 0 || allowed.includes(it))
  const rank = (algorithm: string) => (types.has(KEY_TYPES[algorithm] ?? algorithm) ? 0 : 1)
  return usable.toSorted((a, b) => rank(a) - rank(b))
}

/** What ssh2 can check, without SHA-1. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]
const KEY_TYPES: Readonly<Record<string, string>> = { 'rsa-sha2-512': 'ssh-rsa', 'rsa-sha2-256': 'ssh-rsa' }

/** All keys that the files hold for a name. */
export async function knownKeys(name: string, files: readonly string[]): Promise<KnownKey[]> {
  const found = await Promise.all(files.filter(file => existsSync(file)).map(file => lookUp(name, file)))
  return found.flat()
}

async function lookUp(name: string, file: string): Promise<KnownKey[]> {
  const text = await new Promise<string>((done, failed) => {
    execFile('ssh-keygen', ['-F', name, '-f', file], { timeout: 10_000 }, (error, stdout) => {
      // Exit 1 says that there is none.
      if (error === null || typeof error.code === 'number') done(stdout)
      else failed(hostFaults.SSH_TOOL_MISSING({ tool: 'ssh-keygen' }, error))
    })
  })
  return parseFound(text, file)
}

/** Reads what `ssh-keygen -F` printed: a comment with the line number before each line of the file. */
export function parseFound(text: string, file: string): KnownKey[] {
  let line = 0
  return text.split('\n').flatMap(row => {
    const at = /^# Host .* found: line (\d+)/.exec(row)
    if (at !== null) {
      line = Number(at[1])
      return []
    }
    const words = row.trim().split(/\s+/)
    const marker = words[0]?.startsWith('@') ? words.shift()?.slice(1) : undefined
    const [, type, key] = words
    if (type === undefined || key === undefined || row.startsWith('#')) return []
    return [{ marker: marker as KnownKey['marker'], type, key, file, line }]
  })
}

/** The line for known_hosts; the name is hashed where the user's configuration wants that. */
export function knownLine(name: string, key: ShownKey, hash: boolean): string {
  const salt = randomBytes(20)
  const hashed = () => `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
  return `${hash ? hashed() : name} ${key.type} ${key.key}`
}

export async function remember(file: string, line: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const before = existsSync(file) ? await readFile(file, 'utf8') : ''
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  await appendFile(file, `${gap}${line}\n`, { mode: 0o600 })
}
