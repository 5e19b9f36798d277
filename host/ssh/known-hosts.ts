/**
 * The known_hosts files. `ssh-keygen -F` finds the lines, so hashed names, patterns and `[host]:port` match as they do for ssh. Format: sshd(8),
 * SSH_KNOWN_HOSTS FILE FORMAT.
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

/** The host key that a server presents. */
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

/** Parses a public key in wire format, whose first field is its type. */
export function shownKey(wire: Buffer): ShownKey {
  const key = wire.toString('base64')
  return { type: wire.subarray(4, 4 + wire.readUInt32BE(0)).toString(), key, fingerprint: fingerprint(key) }
}

/** The name of a server in known_hosts. An alias has no port. */
export const knownName = ({ knownAs, aliased, port }: Pick<SshConfig, 'knownAs' | 'aliased' | 'port'>): string =>
  aliased || port === 22 ? knownAs : `[${knownAs}]:${port}`

/** Compares a key with the known ones. Stricter than ssh: for a host with known keys, a key of another type counts as changed. */
export function verifyHostKey(
  shown: ShownKey,
  known: readonly KnownKey[],
  withoutPort: readonly KnownKey[] = [],
): Verdict {
  const same = (entry: KnownKey) => entry.type === shown.type && entry.key === shown.key
  const by = [...known, ...withoutPort].find(entry => entry.marker === 'revoked' && same(entry))
  if (by !== undefined) return { is: 'revoked', by }
  const plain = known.filter(entry => entry.marker === undefined)
  if (plain.some(same)) return { is: 'known' }
  if (plain.length > 0) return { is: 'changed', known: plain }
  return { is: withoutPort.some(entry => entry.marker === undefined && same(entry)) ? 'known' : 'unknown' }
}

/** The host key algorithms to request: those of the known keys first, so that the server presents a key that we can check. */
export function algorithmsFor(known: readonly KnownKey[], allowed: readonly string[]): string[] {
  const types = new Set(known.filter(entry => entry.marker === undefined).map(entry => entry.type))
  const usable = ALGORITHMS.filter(algorithm => allowed.length === 0 || allowed.includes(algorithm))
  const rank = (algorithm: string) => (types.has(KEY_TYPES[algorithm] ?? algorithm) ? 0 : 1)
  return usable.toSorted((a, b) => rank(a) - rank(b))
}

/** The algorithms that ssh2 supports, except those with SHA-1. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]
const KEY_TYPES: Readonly<Record<string, string>> = { 'rsa-sha2-512': 'ssh-rsa', 'rsa-sha2-256': 'ssh-rsa' }

/** The keys for a name in all files. */
export async function knownKeys(name: string, files: readonly string[]): Promise<KnownKey[]> {
  const found = await Promise.all(files.filter(file => existsSync(file)).map(file => keysIn(name, file)))
  return found.flat()
}

async function keysIn(name: string, file: string): Promise<KnownKey[]> {
  const text = await new Promise<string>((done, failed) => {
    execFile('ssh-keygen', ['-F', name, '-f', file], { timeout: 10_000 }, (error, stdout) => {
      // Exit code 1: no entry.
      if (error === null || typeof error.code === 'number') done(stdout)
      else failed(hostFaults.SSH_TOOL_MISSING({ tool: 'ssh-keygen' }, error))
    })
  })
  return parseFound(text, file)
}

/** Parses the output of `ssh-keygen -F`: a comment with the line number before each line of the file. */
export function parseFound(text: string, file: string): KnownKey[] {
  let line = 0
  return text.split('\n').flatMap(row => {
    const at = /^# Host .* found: line (\d+)/.exec(row)
    if (at !== null) {
      line = Number(at[1])
      return []
    }
    const parts = row.trim().split(/\s+/)
    const marker = parts[0]?.startsWith('@') ? parts.shift()?.slice(1) : undefined
    const [, type, key] = parts
    if (type === undefined || key === undefined || row.startsWith('#')) return []
    return [{ marker: marker as KnownKey['marker'], type, key, file, line }]
  })
}

/** The line for known_hosts. `hash`: whether to hash the name, as `HashKnownHosts` sets. */
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
