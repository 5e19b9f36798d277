/**
 * The two places where ssh2 has no door of its own. Each looks whether what it needs is there: with another ssh2 the keys are told as not usable,
 * and nothing else changes.
 */
import type { Client } from 'ssh2'
import { field } from './wire.ts'

interface Inside {
  readonly _packetRW: {
    readonly write: { allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer }
  }
  readonly _cipher: { encrypt(packet: Buffer): void }
  readonly _authsQueue: string[]
  readonly _handlers: { USERAUTH_FAILURE?: Refused }
}
type Refused = (protocol: unknown, methods: readonly string[], partial: boolean) => void

const inside = (client: Client): Partial<Inside> =>
  (client as unknown as { _protocol?: Partial<Inside> })._protocol ?? {}

/** Hears of each refusal what ssh2 keeps to itself when a key of the agent was tried: what the server goes on with, and whether it has accepted the key. */
export function onRefusal(client: Client, hear: (methods: readonly string[], partial: boolean) => void): void {
  const { _handlers: handlers } = inside(client)
  const before = handlers?.USERAUTH_FAILURE
  if (handlers === undefined || before === undefined) return
  handlers.USERAUTH_FAILURE = (protocol, methods, partial) => {
    hear(methods, partial)
    before(protocol, methods, partial)
  }
}

/**
 * Sends a signed request for a key whose signature has another type than the key, or more parts than one: certificates and security keys. ssh2 writes
 * the key's own type into every signature. `signed`: what ssh2 wants signed, which is the request itself behind the id of the session. RFC 4252, section 7.
 */
export function sendSigned(client: Client, signed: Buffer, signature: Buffer): boolean {
  const { _packetRW: packets, _cipher: cipher, _authsQueue: queue } = inside(client)
  if (packets === undefined || cipher === undefined || queue === undefined) return false
  const request = Buffer.concat([signed.subarray(4 + signed.readUInt32BE(0)), field(signature)])
  const packet = packets.write.alloc(request.length)
  request.copy(packet, packets.write.allocStart)
  queue.push('publickey')
  cipher.encrypt(packets.write.finalize(packet))
  return true
}
