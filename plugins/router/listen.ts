/** Parses the option `listen` of the routers: the addresses that a site listens on, and the one to send our own requests to. */
import { routerFaults } from './faults.ts'

/**
 * A port on all IPv4 and IPv6 addresses (`8080`), or an address with a port (`'10.0.0.5:8080'`, `'[::1]:80'`, `'*:80'` for IPv4 only, `'[::]:80'` for
 * IPv6 only), or a list of these. Our own requests go to the first.
 */
export type Listen = number | string | readonly (number | string)[]

export interface Listener {
  /** In nginx syntax, IPv6 in brackets; `*` for all IPv4 addresses, `[::]` for all IPv6 addresses. */
  readonly address: string
  readonly port: number
}

export interface Listening {
  /** The addresses for the site file. */
  readonly listeners: readonly Listener[]
  /** Whether the IPv6 listeners were derived from a bare port: they are then left out on a machine without IPv6. */
  readonly lenient: boolean
  /** The address and port to send our own requests to. */
  readonly requestAt: Listener
}

export function listening(option: Listen): Listening {
  const given = typeof option === 'object' ? option : [option]
  const listeners = given.flatMap(parse)
  const [first] = listeners
  if (first === undefined) throw routerFaults.NGINX_WORD_INVALID({ what: 'address to listen on', value: '' })
  return { listeners, lenient: given.some(isPort), requestAt: { ...first, address: requestAddress(first.address) } }
}

const isPort = (given: number | string) => /^\d+$/.test(String(given))

function parse(given: number | string): readonly Listener[] {
  const text = String(given)
  const [, address, digits = '80'] =
    /^(?:(\*|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9-]*[A-Za-z.-][A-Za-z0-9.-]*)(?::(?=\d)|$))?(\d+)?$/.exec(text) ?? []
  const port = Number(digits)
  if (text === '' || (address === undefined && !isPort(given)) || port < 1 || port > 65_535)
    throw routerFaults.NGINX_WORD_INVALID({ what: 'address to listen on', value: text })
  return address === undefined ? ['*', '[::]'].map(all => ({ address: all, port })) : [{ address, port }]
}

const requestAddress = (address: string) =>
  ['*', '0.0.0.0'].includes(address) ? '127.0.0.1' : address === '[::]' ? '[::1]' : address

/** The `listen` lines of a server block; all but the first are indented by four spaces. */
export const listenLines = (listeners: readonly Listener[]): string =>
  listeners.map(({ address, port }) => `listen ${address === '*' ? '' : `${address}:`}${port};`).join('\n    ')

/** Parses the arguments of any `listen` line: no listeners for a Unix socket, two if an IPv6 socket accepts IPv4 as well. */
export function listenersOf(args: readonly string[]): readonly Listener[] {
  const [where = '', ...flags] = args
  if (where.startsWith('unix:')) return []
  const [, address = '*', digits] = /^(?:(\[.*\]|[^:[]*[^\d:[][^:[]*)(?::|$))?(\d+)?$/.exec(where) ?? []
  const normal = address === '0.0.0.0' ? '*' : address === 'localhost' ? '127.0.0.1' : address.toLowerCase()
  const port = Number(digits ?? 80)
  const both = normal === '[::]' && flags.includes('ipv6only=off')
  return [{ address: normal, port }, ...(both ? [{ address: '*', port }] : [])]
}

const family = (address: string) => (address.startsWith('[') ? 6 : 4)
const isAll = (address: string) => address === '*' || address === '[::]'

/** Whether a connection can match both. */
export const overlap = (a: Listener, b: Listener): boolean =>
  a.port === b.port &&
  family(a.address) === family(b.address) &&
  (a.address === b.address || isAll(a.address) || isAll(b.address))

/** The listeners that nginx selects for a connection to this address: an exact address takes precedence over a wildcard. */
export function mostSpecific<L extends Listener>(all: readonly L[], { address, port }: Listener): readonly L[] {
  const matching = all.filter(listener => overlap(listener, { address, port }))
  const exact = matching.filter(listener => listener.address === address)
  return exact.length > 0 ? exact : matching
}

export const formatListener = ({ address, port }: Listener): string => `${address}:${port}`
