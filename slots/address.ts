/** The address that a slot listens on. */
import { isIP } from 'node:net'
import type { Slot } from './contracts.ts'

/** The address of a slot whose router is on the same host. */
export const LOOPBACK = '127.0.0.1'

/** As in a URL: IPv6 in brackets. */
export const hostPart = (address: string = LOOPBACK): string => (isIP(address) === 6 ? `[${address}]` : address)

/** The address and the port of a slot, as in a URL. */
export const slotAt = ({ address, port }: Pick<Slot, 'address' | 'port'>): string => `${hostPart(address)}:${port}`

/** The variables that tell an application where to listen; LISTEN_ADDRESS only if that is not loopback. */
export const listenVariables = ({
  address,
  port,
}: Pick<Slot, 'address' | 'port'>): Readonly<Record<string, string>> => ({
  PORT: String(port),
  ...(address !== undefined && { LISTEN_ADDRESS: address }),
})
