/**
 * Two functions that use undocumented parts of ssh2. Each checks that these parts exist: with an incompatible version of ssh2 the keys concerned are
 * reported as unusable, and nothing else changes.
 */
import type { Client } from 'ssh2'
import { field } from './wire.ts'

interface Internals {
  readonly _packetRW: {
    readonly write: { allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer }
  }
  readonly _cipher: { encrypt(packet: Buffer): void }
  readonly _authsQueue: string[]
  readonly _handlers: { USERAUTH_FAILURE?: OnFailure }
}
type OnFailure = (protocol: unknown, methods: readonly string[], partial: boolean) => void

const internals = (client: Client): Partial<Internals> =>
  (client as unknown as { _protocol?: Partial<Internals> })._protocol ?? {}

/**
 * Calls the listener on each rejection with two values that ssh2 does not pass on for keys of an agent: the methods that can continue, and whether the
 * key was accepted as a part of the login.
 */
export function onRejection(client: Client, listener: (methods: readonly string[], partial: boolean) => void): void {
  const { _handlers: handlers } = internals(client)
  const original = handlers?.USERAUTH_FAILURE
  if (handlers === undefined || original === undefined) return
  handlers.USERAUTH_FAILURE = (protocol, methods, partial) => {
    listener(methods, partial)
    original(protocol, methods, partial)
  }
}

/**
 * Sends a signed authentication request for a certificate or a security key, whose signature differs in type from the key or has further fields. ssh2
 * itself writes the key's type into every signature. RFC 4252, section 7.
 *
 * @param signed the data that ssh2 asks the agent to sign: the session id followed by the request
 * @returns false if this version of ssh2 is incompatible
 */
export function sendSigned(client: Client, signed: Buffer, signature: Buffer): boolean {
  const { _packetRW: packets, _cipher: cipher, _authsQueue: queue } = internals(client)
  if (packets === undefined || cipher === undefined || queue === undefined) return false
  const request = Buffer.concat([signed.subarray(4 + signed.readUInt32BE(0)), field(signature)])
  const packet = packets.write.alloc(request.length)
  request.copy(packet, packets.write.allocStart)
  queue.push('publickey')
  cipher.encrypt(packets.write.finalize(packet))
  return true
}
