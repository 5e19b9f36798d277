/** The options of all routers for a router on a host of its own, such as a load balancer. */
import { isIP } from 'node:net'
import { isTransport, type Transport } from '../../host/host.ts'
import { runnerFaults } from '../../runner/faults.ts'
import { type Fields, optional, thing } from '../../runner/taskfile/shape.ts'
import type { RouterPlace } from '../../slots/contracts.ts'
import { routerFaults } from './faults.ts'

export interface PlaceOptions {
  /**
   * The host that the router runs on, if that is not the application's: a load balancer. `setup` installs the site there, and the application's units and
   * rules on the application's host. Needs `upstream`.
   *
   * @example ssh('deploy@lb-1')
   * @default the application's host
   */
  readonly on?: Transport
  /**
   * With `on`: the private IP address of the application's host, to which the router sends the requests; with several `hosts`, one for each, in their order.
   * The slots listen on it instead of loopback: the application finds it in `LISTEN_ADDRESS`. `doctor` tells the firewall lines that keep others out.
   *
   * @example '10.0.0.5'
   * @example ['10.0.0.5', '10.0.0.6']
   */
  readonly upstream?: string | readonly string[]
}

const UPSTREAM = 'the IP address of the application\'s host, such as "10.0.0.5"'

const isAddress = (value: unknown): boolean => typeof value === 'string' && isIP(value) > 0

export const placeRules: Fields<PlaceOptions> = {
  on: optional(thing<Transport>('a machine, such as `ssh("deploy@lb-1")`', isTransport)),
  upstream: optional(
    thing<string | readonly string[]>(
      `${UPSTREAM}, or a list with that of each host`,
      value => isAddress(value) || (Array.isArray(value) && value.length > 0 && value.every(isAddress)),
    ),
  ),
}

/**
 * The part of a plugin for a router on a host of its own; nothing for one on the application's host.
 *
 * @throws OPTION_MISSING, UPSTREAM_WITHOUT_ON
 */
export function placeOf(factory: string, { on: host, upstream }: PlaceOptions): { readonly on?: RouterPlace } {
  if (!host && upstream !== undefined) throw routerFaults.UPSTREAM_WITHOUT_ON({ factory })
  if (!host) return {}
  const [first, ...others] = listOf(upstream)
  if (first === undefined) throw runnerFaults.OPTION_MISSING({ factory, field: 'upstream', expected: UPSTREAM })
  return { on: { host, upstream: first, ...(others.length > 0 && { pool: [first, ...others] }) } }
}

/** For `Plugin.settings`. */
export const placeSettings = ({ on, upstream }: PlaceOptions): Readonly<Record<string, string>> =>
  on && upstream !== undefined ? { on: on.name, upstream: listOf(upstream).join(', ') } : {}

const listOf = (upstream: string | readonly string[] = []): readonly string[] =>
  typeof upstream === 'string' ? [upstream] : upstream
