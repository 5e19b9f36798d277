/**
 * The user's ssh-agent. ssh2's own client of it leaves out certificates and security keys, and takes a signature apart in a way in which those two
 * lose a part. Knowledge: draft-ietf-sshm-ssh-agent.
 */
import type { Duplex } from 'node:stream'
import type { BaseAgent } from 'ssh2'
import { Fields, field } from './wire.ts'

export interface HeldKey {
  /** The public key, or a certificate. */
  readonly blob: Buffer
  /** For people, often the path of the file that it came from. */
  readonly comment: string
}

export interface Agent {
  /** Undefined when it does not answer. */
  keys(): Promise<readonly HeldKey[] | undefined>
  /** Resolves to the whole signature: its type, its bytes, and what else the type has. Rejects when the agent refuses. */
  sign(blob: Buffer, data: Buffer, hash: Hash | undefined): Promise<Buffer>
}

/** For RSA keys; all others have but one. SHA-1 is what an agent takes unless told. */
export type Hash = 'sha1' | 'sha256' | 'sha512'

const REQUEST_KEYS = 11
const KEYS = 12
const REQUEST_SIGNATURE = 13
const SIGNATURE = 14
const FLAGS: Readonly<Record<string, number>> = { sha256: 2, sha512: 4 }
/** Milliseconds. A signature may wait for a person who touches a key; a list waits for nobody. */
const PATIENCE = 5_000

/** `ssh2` knows how to reach an agent, on Windows too. */
export function agentOver(agent: Pick<BaseAgent, 'getStream'>): Agent {
  const open = () =>
    new Promise<Duplex>((resolve, reject) =>
      agent.getStream?.((error, stream) => (error || !stream ? reject(error) : resolve(stream))),
    )
  const request = async (message: Buffer, wanted: number, patience?: number): Promise<Fields> => {
    const stream = await open()
    try {
      const answer = answered(stream, patience)
      stream.write(field(message))
      const fields = new Fields(await answer)
      if (fields.data[fields.at++] !== wanted) throw new Error('the agent refused')
      return fields
    } finally {
      stream.destroy()
    }
  }
  return {
    async keys() {
      try {
        const answer = await request(Buffer.from([REQUEST_KEYS]), KEYS, PATIENCE)
        return Array.from({ length: answer.number() }, () => ({ blob: answer.next(), comment: answer.text() }))
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

/** The one message that an agent answers with, without its length. */
function answered(stream: Duplex, patience: number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let data = Buffer.alloc(0)
    const late = () => reject(new Error('the agent does not answer'))
    const timer = patience === undefined ? undefined : setTimeout(late, patience)
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
        late()
      })
  })
}
