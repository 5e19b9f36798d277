/** One key that the server is shown, with or without a certificate, and who signs for it: a file's key here, or the agent. */
import { createPrivateKey, sign as signWith } from 'node:crypto'
import type { AnyAuthMethod, BaseAgent, Client, ParsedKey } from 'ssh2'
import type { Agent, Hash } from './agent.ts'
import type { KeyFile } from './key-file.ts'
import { sendSigned } from './ssh2-inside.ts'
import { field, typeOf } from './wire.ts'

export interface Attempt {
  /** For people, when all has failed: `key ~/.ssh/id_ed25519`. */
  readonly label: string
  /** `failed` hears why the key could not sign. */
  method(client: Client, failed: (reason: string) => void): AnyAuthMethod
}

/** What identities are made with: ssh2 is loaded when there is somebody to connect to. */
export interface Making {
  readonly username: string
  readonly agent: Agent | undefined
  readonly BaseAgent: abstract new () => BaseAgent
  /** Any parsed key: ssh2 takes what has one as its prototype for a key. */
  readonly anyKey: ParsedKey
}

/** A key of a file that ssh2 can use by itself. */
export const fromFile = ({ username }: Making, label: string, key: ParsedKey): Attempt => ({
  label,
  method: () => ({ type: 'publickey', username, key }),
})

/** A key that the agent holds. `blob`: what is shown. `signer`: the agent's name for it, where a certificate of ours is shown instead. */
export const fromAgent = (making: Making, label: string, blob: Buffer, signer = blob): Attempt =>
  shown(making, label, blob, (data, hash) =>
    making.agent ? making.agent.sign(signer, data, hash) : Promise.reject(new Error('there is no agent')),
  )

/** The certificate of a key in a file. */
export const certified = (making: Making, label: string, blob: Buffer, { key }: KeyFile): Attempt =>
  shown(making, label, blob, async data => signature(key?.getPrivatePEM() ?? '', data))

type Sign = (data: Buffer, hash: Hash | undefined) => Promise<Buffer>

/** ssh2 asks an agent to sign, one that holds this key alone. */
function shown(making: Making, label: string, blob: Buffer, sign: Sign): Attempt {
  const { username, BaseAgent, anyKey } = making
  const type = typeOf(blob)
  const rsa = type.startsWith('ssh-rsa-cert')
  // RSA is not shown under its old name, which means SHA-1.
  const key = Object.create(anyKey, {
    type: { value: rsa ? 'rsa-sha2-512-cert-v01@openssh.com' : type },
    getPublicSSH: { value: () => blob },
  }) as ParsedKey
  // ssh2 writes the rest of these itself, and rightly.
  const plain = !/^sk-|-cert-v01@/.test(type)
  return {
    label,
    method(client, failed) {
      class One extends BaseAgent {
        getIdentities(done: (error: undefined, keys: ParsedKey[]) => void) {
          done(undefined, [key])
        }
        sign(_: unknown, data: Buffer, options: unknown, done?: (error: Error | undefined, signed?: Buffer) => void) {
          const { hash } = options as { hash?: Hash }
          sign(data, rsa ? 'sha512' : hash).then(
            signed => {
              if (plain) return done?.(undefined, bytesOf(signed))
              if (!sendSigned(client, data, signed)) done?.(new Error('this ssh2 cannot send its signature'))
            },
            (error: Error) => {
              failed(error.message)
              done?.(error)
            },
          )
        }
      }
      return { type: 'agent', username, agent: new One() }
    },
  }
}

/** The bytes of a whole signature, without its type. */
const bytesOf = (signed: Buffer): Buffer => signed.subarray(4 + signed.readUInt32BE(0) + 4)

/** A whole signature by a private key; RFC 8332 for RSA, RFC 5656 for ECDSA, RFC 8709 for Ed25519. */
function signature(pem: string, data: Buffer): Buffer {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType === 'rsa')
    return Buffer.concat([field('rsa-sha2-512'), field(signWith('sha512', data, key))])
  if (key.asymmetricKeyType === 'ed25519')
    return Buffer.concat([field('ssh-ed25519'), field(signWith(null, data, key))])
  const [name, hash] = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? []
  if (name === undefined || hash === undefined) throw new Error('its curve is not known')
  const both = signWith(hash, data, { key, dsaEncoding: 'ieee-p1363' })
  const half = both.length / 2
  const numbers = [both.subarray(0, half), both.subarray(half)].map(number => field(positive(number)))
  return Buffer.concat([field(name), field(Buffer.concat(numbers))])
}

const CURVES: Readonly<Record<string, readonly [string, string]>> = {
  prime256v1: ['ecdsa-sha2-nistp256', 'sha256'],
  secp384r1: ['ecdsa-sha2-nistp384', 'sha384'],
  secp521r1: ['ecdsa-sha2-nistp521', 'sha512'],
}

/** A number without leading zeros, but for the one that keeps it from being negative. */
function positive(number: Buffer): Buffer {
  const from = number.findIndex(byte => byte !== 0)
  const trimmed = number.subarray(from < 0 ? number.length : from)
  return (trimmed[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed
}
