/** One key to offer to the server, with or without a certificate, signed with a file's private key or by the agent. */
import { createPrivateKey, sign as signWith } from 'node:crypto'
import type { AnyAuthMethod, BaseAgent, Client, ParsedKey } from 'ssh2'
import type { Agent, Hash } from './agent.ts'
import type { KeyFile } from './key-file.ts'
import { sendSigned } from './ssh2-internals.ts'
import { field, typeOf } from './wire.ts'

export interface Attempt {
  /** For messages: `key ~/.ssh/id_ed25519`. */
  readonly label: string
  /** `failed` is called with the reason if the key cannot sign. */
  method(client: Client, failed: (reason: string) => void): AnyAuthMethod
}

/** ssh2 is passed in, because it is loaded only when there is something to connect to. */
export interface IdentityDeps {
  readonly username: string
  readonly agent: Agent | undefined
  readonly BaseAgent: abstract new () => BaseAgent
  /** Any parsed key: ssh2 accepts objects that have one as their prototype as keys. */
  readonly anyKey: ParsedKey
}

/** A key in a file that ssh2 can use directly. */
export const fromFile = ({ username }: IdentityDeps, label: string, key: ParsedKey): Attempt => ({
  label,
  method: () => ({ type: 'publickey', username, key }),
})

/** A key in the agent. `blob`: what to offer. `signer`: the key that signs, if `blob` is a certificate from a file. */
export const fromAgent = (deps: IdentityDeps, label: string, blob: Buffer, signer = blob): Attempt =>
  offered(deps, label, blob, (data, hash) =>
    deps.agent ? deps.agent.sign(signer, data, hash) : Promise.reject(new Error('there is no agent')),
  )

/** The certificate of a key in a file. */
export const certified = (deps: IdentityDeps, label: string, blob: Buffer, { key }: KeyFile): Attempt =>
  offered(deps, label, blob, async data => signature(key?.getPrivatePEM() ?? '', data))

type Sign = (data: Buffer, hash: Hash | undefined) => Promise<Buffer>

/** Passes ssh2 an agent that has only this key. */
function offered(deps: IdentityDeps, label: string, blob: Buffer, sign: Sign): Attempt {
  const { username, BaseAgent, anyKey } = deps
  const type = typeOf(blob)
  const rsa = type.startsWith('ssh-rsa-cert')
  // The old name of RSA certificates would mean SHA-1.
  const key = Object.create(anyKey, {
    type: { value: rsa ? 'rsa-sha2-512-cert-v01@openssh.com' : type },
    getPublicSSH: { value: () => blob },
  }) as ParsedKey
  // For these ssh2 builds the signature field itself.
  const plain = !/^sk-|-cert-v01@/.test(type)
  return {
    label,
    method(client, failed) {
      class SingleKeyAgent extends BaseAgent {
        getIdentities(done: (error: undefined, keys: ParsedKey[]) => void) {
          done(undefined, [key])
        }
        sign(_: unknown, data: Buffer, options: unknown, done?: (error: Error | undefined, signed?: Buffer) => void) {
          const { hash } = options as { hash?: Hash }
          sign(data, rsa ? 'sha512' : hash).then(
            signed => {
              if (plain) return done?.(undefined, bytesOf(signed))
              if (!sendSigned(client, data, signed)) done?.(new Error('this version of ssh2 cannot send its signature'))
            },
            (error: Error) => {
              failed(error.message)
              done?.(error)
            },
          )
        }
      }
      return { type: 'agent', username, agent: new SingleKeyAgent() }
    },
  }
}

/** The bytes of a signature without its type. */
const bytesOf = (signed: Buffer): Buffer => signed.subarray(4 + signed.readUInt32BE(0) + 4)

/** A signature with its type; RFC 8332 for RSA, RFC 5656 for ECDSA, RFC 8709 for Ed25519. */
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

/** A number without leading zeros, except the one that keeps it from being negative. */
function positive(number: Buffer): Buffer {
  const from = number.findIndex(byte => byte !== 0)
  const trimmed = number.subarray(from < 0 ? number.length : from)
  return (trimmed[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed
}
