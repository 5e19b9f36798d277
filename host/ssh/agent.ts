/**
 * A client of the user's ssh-agent. ssh2's own client ignores certificates and security keys, and drops a part of their signatures.
 * Protocol: draft-ietf-sshm-ssh-agent.
 */
import type { Duplex } from 'node:stream'
import type { BaseAgent } from 'ssh2'
import { Fields, field } from './wire.ts'

export interface HeldKey {
  /** The public key, or a certificate. */
  readonly blob: Buffer
  /** For messages; often the path of its file. */
  readonly comment: string
}

export interface Agent {
  /** Resolves to undefined if the agent does not respond. */
  keys(): Promise<readonly HeldKey[] | undefined>
  /** Resolves to the whole signature: its type, its bytes, and the further fields of the type. Rejects if the agent refuses. */
  sign(blob: Buffer, data: Buffer, hash: Hash | undefined): Promise<Buffer>
}

/** Only for RSA keys: other types have one hash each. Without it an agent uses SHA-1. */
export type Hash = 'sha1' | 'sha256' | 'sha512'

const REQUEST_KEYS = 11
const KEYS = 12
const REQUEST_SIGNATURE = 13
const SIGNATURE = 14
const FLAGS: Readonly<Record<string, number>> = { sha256: 2, sha512: 4 }
/** Milliseconds to wait for the list of keys. A signature has no timeout, because a person may have to touch a key. */
const LIST_TIMEOUT = 5_000

/** Uses ssh2 to connect to the agent, on Windows too. */
export function agentOver(agent: Pick<BaseAgent, 'getStream'>): Agent {
  const open = () =>
    new Promise<Duplex>((resolve, reject) =>
      agent.getStream?.((error, stream) => (error || !stream ? reject(error) : resolve(stream))),
    )
  const request = async (message: Buffer, expected: number, timeout?: number): Promise<Fields> => {
    const stream = await open()
    try {
      const response = responseFrom(stream, timeout)
      stream.write(field(message))
      const fields = new Fields(await response)
      if (fields.data[fields.at++] !== expected) throw new Error('the agent refused')
      return fields
    } finally {
      stream.destroy()
    }
  }
  return {
    async keys() {
      try {
        const list = await request(Buffer.from([REQUEST_KEYS]), KEYS, LIST_TIMEOUT)
        return Array.from({ length: list.number() }, () => ({ blob: list.next(), comment: list.text() }))
      } catch {
        return undefined
      }
    },
    async sign(blob, data, hash) {
      const flags = Buffer.alloc(4)
      flags.writeUInt32BE(FLAGS[hash ?? ''] ?? 0)
      const message = Buffer.concat([Buffer.from([REQUEST_SIGNATURE]), field(blob), field(data), flags])
      return (await request(message, SIGNATURE)).next()
    },
  }
}

/** Resolves to the agent's response without its length field. */
function responseFrom(stream: Duplex, timeout: number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let data = Buffer.alloc(0)
    const fail = () => reject(new Error('the agent does not respond'))
    const timer = timeout === undefined ? undefined : setTimeout(fail, timeout)
    stream.on('data', (chunk: Buffer) => {
      data = Buffer.concat([data, chunk])
      if (data.length >= 4 && data.length >= 4 + data.readUInt32BE(0)) {
        clearTimeout(timer)
        resolve(data.subarray(4, 4 + data.readUInt32BE(0)))
      }
    })
    for (const event of ['error', 'end', 'close'])
      stream.on(event, () => {
        clearTimeout(timer)
        fail()
      })
  })
}
