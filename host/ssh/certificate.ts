/** User certificates, as in `id_ed25519-cert.pub`. Format: PROTOCOL.certkeys of OpenSSH. */
import { Fields, field, typeOf } from './wire.ts'

const SUFFIX = '-cert-v01@openssh.com'
/** The number of fields in a public key of each type. */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
}

export interface Certificate {
  readonly blob: Buffer
  /** The public key that it certifies. */
  readonly key: Buffer
  /** Why it cannot be used now: `expired on 2024-01-01`. */
  readonly problem: string | undefined
}

export const isCertificate = (blob: Buffer): boolean => typeOf(blob).endsWith(SUFFIX)

/** Undefined if the blob is not a certificate of a known type. */
export function certificateOf(blob: Buffer, now = new Date()): Certificate | undefined {
  try {
    const fields = new Fields(blob)
    const type = fields.text()
    const plain = type.replace(SUFFIX, type.startsWith('sk-') ? '@openssh.com' : '')
    const count = KEY_FIELDS[plain]
    if (count === undefined || plain === type) return undefined
    fields.next()
    const key = Buffer.concat([field(plain), ...Array.from({ length: count }, () => field(fields.next()))])
    fields.large()
    fields.number()
    fields.next()
    fields.next()
    const [from, until] = [fields.large(), fields.large()]
    const seconds = BigInt(Math.floor(now.getTime() / 1000))
    const day = (time: bigint) => new Date(Number(time) * 1000).toISOString().slice(0, 10)
    const problem =
      until <= seconds ? `expired on ${day(until)}` : from > seconds ? `not valid before ${day(from)}` : undefined
    return { blob, key, problem }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** The blob in a one-line file such as `id_ed25519.pub`: a type and base64. */
export function blobOf(text: string): Buffer | undefined {
  const [type = '', base64 = ''] = text.trim().split(/\s+/)
  const blob = Buffer.from(base64, 'base64')
  try {
    return base64 !== '' && typeOf(blob) === type ? blob : undefined
  } catch {
    return undefined
  }
}
