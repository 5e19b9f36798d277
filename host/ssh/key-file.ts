/** A key file of `IdentityFile`: its key, whatever its format, or why it cannot be used. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { ParsedKey } from 'ssh2'
import { blobOf, type Certificate, certificateOf } from './certificate.ts'
import { Fields, field } from './wire.ts'

export interface KeyFile {
  readonly path: string
  /** The private key; undefined if it cannot be used. */
  readonly key: ParsedKey | undefined
  /** Why the key cannot be used. */
  readonly problem: string | undefined
  /** Whether the key can be used if it is in the agent. */
  readonly forAgent: boolean
  /** The public key, from the file itself or from `.pub` beside it, to find the key in the agent. */
  readonly public: Buffer | undefined
  /** From `-cert.pub` beside it. */
  readonly certificate: Certificate | undefined
}

export type ParseKey = (data: Buffer | string) => ParsedKey | Error

/** Undefined if neither the file nor its public key exists. */
export async function keyFile(path: string, parse: ParseKey): Promise<KeyFile | undefined> {
  const beside = async (suffix: string) => blobOf((await readFile(path + suffix, 'utf8').catch(() => '')) ?? '')
  const [file, half, certified] = await Promise.all([read(path), beside('.pub'), beside('-cert.pub')])
  const certificate = certified && certificateOf(certified)
  const without = (problem: string, forAgent: boolean, found = half): KeyFile => ({
    path,
    key: undefined,
    problem,
    forAgent,
    public: found,
    certificate,
  })
  if (file.data === undefined) {
    if (file.problem !== undefined) return without(file.problem, false)
    return half && without('its private key is neither here nor in the agent', true)
  }
  const { data } = file
  if (isSecurityKey(data))
    return without('is a security key, which only the agent can use', true, half ?? publicHalf(data))
  const parsed = parse(data)
  const encrypted =
    parsed instanceof Error
      ? /encrypted|passphrase/i.test(parsed.message) || data.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')
      : false
  if (encrypted) return without('has a passphrase and is not in the agent', true, half ?? publicHalf(data))
  const key = parsed instanceof Error ? converted(data, parse) : parsed
  if (key === undefined) return without('is damaged, or of a format that is not known', false)
  return { path, key, problem: undefined, forAgent: false, public: key.getPublicSSH(), certificate }
}

/** Like ssh, rejects a private key that others can read. */
async function read(path: string): Promise<{ readonly data?: Buffer; readonly problem?: string }> {
  try {
    const [data, { uid, mode }] = await Promise.all([readFile(path), stat(path)])
    const open = process.getuid?.() === uid && (mode & 0o077) !== 0 && data.includes('PRIVATE KEY')
    if (open) return { problem: `others can read it, mode ${(mode & 0o777).toString(8)}: chmod 600` }
    return { data }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? {} : { problem: `cannot be read: ${code}` }
  }
}

/** Node reads PKCS#8 and the other formats of openssl(1); converts them to a format that ssh2 reads. */
function converted(data: Buffer, parse: ParseKey): ParsedKey | undefined {
  try {
    const key = createPrivateKey(data)
    const again = parse(readable(key))
    return again instanceof Error ? undefined : again
  } catch {
    return undefined
  }
}

function readable(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return String(key.export({ type: 'pkcs1', format: 'pem' }))
  if (key.asymmetricKeyType === 'ec') return String(key.export({ type: 'sec1', format: 'pem' }))
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  return openssh(Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url'))
}

/** An Ed25519 key in OpenSSH's own format; PROTOCOL.key. */
function openssh(secret: Buffer, half: Buffer): string {
  const type = field('ssh-ed25519')
  const both = Buffer.concat([Buffer.alloc(8), type, field(half), field(Buffer.concat([secret, half])), field('')])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (both.length % 8)) % 8))
  const text = Buffer.concat([
    Buffer.from(MAGIC),
    ...[field('none'), field('none'), field(''), Buffer.from([0, 0, 0, 1])],
    ...[field(Buffer.concat([type, field(half)])), field(Buffer.concat([both, padding]))],
  ])
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${text.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

const MAGIC = 'openssh-key-v1\0'

/** OpenSSH's format has the public key unencrypted: a magic string, three strings, a count, the key. */
function publicHalf(file: Buffer): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(file.toString('latin1'))?.[1]
  if (body === undefined) return undefined
  try {
    const fields = new Fields(Buffer.from(body, 'base64'))
    fields.at = MAGIC.length
    for (const _ of ['cipher', 'kdf', 'options']) fields.next()
    fields.number()
    return fields.next()
  } catch {
    return undefined
  }
}

const isSecurityKey = (data: Buffer): boolean => {
  const half = publicHalf(data)
  return half?.subarray(4, 7).toString() === 'sk-'
}
