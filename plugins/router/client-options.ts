/** The option `trustedProxies` of the routers. */
import { list, type Rule, thing } from '../../runner/taskfile/shape.ts'
import { networkOf } from '../../slots/maintenance/networks.ts'

/** Options about the clients of a site, which all routers have. */
export interface ClientOptions {
  /**
   * The proxies in front of this host, such as a load balancer or a CDN that ends TLS: addresses, or networks in CIDR notation. For a request from one of
   * them, its `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` say who the client is and how it asked: the application learns that, and the
   * networks of `task maintenance on --allow` are compared with it. Such headers of anybody else are removed.
   *
   * @example ['10.0.0.0/8', '2001:db8::/32']
   * @default none: the client is who connects
   */
  readonly trustedProxies?: readonly string[]
  /**
   * The largest body of a request: a number of bytes, or of kilobytes (`k`), megabytes (`m`) or gigabytes (`g`) of 1024. A larger one gets status 413, with
   * the limit as text.
   *
   * @example '20m'
   */
  readonly bodySize?: string
}

/** What else a client may claim about itself. A router removes these headers. */
export const CLIENT_CLAIMS = [
  'X-Forwarded-Port',
  'X-Forwarded-Ssl',
  'X-Forwarded-Scheme',
  'X-Forwarded-Prefix',
  'Forwarded',
]

const isNetwork = (value: unknown): boolean => {
  try {
    return typeof value === 'string' && networkOf(value).prefix > 0
  } catch {
    return false
  }
}

export const trustedProxiesRule: Rule<readonly string[]> = list(
  thing('an address or a network such as "10.0.0.0/8"', isNetwork),
)

const UNITS = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const

const sizeIn = (text: string) => /^([1-9]\d{0,11})([kmg]?)$/i.exec(text)

export const bodySizeRule: Rule<string> = thing(
  'a number of bytes above 0, also with the unit k, m or g, such as "20m"',
  value => typeof value === 'string' && sizeIn(value) !== null,
)

/** The bytes of a valid `bodySize`. */
export function bytesOf(size: string): number {
  const [, digits = '', unit = ''] = sizeIn(size) ?? []
  return Number(digits) * UNITS[unit.toLowerCase() as keyof typeof UNITS]
}

/** The options as `task config` shows them. */
export const clientSettings = ({ trustedProxies, bodySize }: ClientOptions): Readonly<Record<string, unknown>> => ({
  trustedProxies: trustedProxies ?? [],
  bodySize: bodySize ?? 'unlimited',
})
