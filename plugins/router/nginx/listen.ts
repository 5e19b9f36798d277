/** Where a site listens, as the Taskfile says it, and where it can be asked for that reason. */
import { routerFaults } from '../faults.ts'

/**
 * A port, for all addresses of both families: `8080`. Or an address with its port, as nginx writes it: `'10.0.0.5:8080'`, `'[::1]:80'`,
 * `'*:80'` for IPv4 alone, `'[::]:80'` for IPv6 alone. Or several of them; the site is asked at the first.
 */
export type Listen = number | string | readonly (number | string)[]

export interface Listener {
  /** As nginx writes it, with IPv6 in brackets; `*` for all of IPv4, `[::]` for all of IPv6. */
  readonly address: string
  readonly port: number
}

export interface Listening {
  /** What the site file says. */
  readonly listeners: readonly Listener[]
  /** The listeners for IPv6 come from a port alone: where a machine has no IPv6, the site does without them. */
  readonly lenient: boolean
  /** The address of this machine at which the site is asked, and the port. */
  readonly ask: Listener
}

export function listening(option: Listen): Listening {
  const given = typeof option === 'object' ? option : [option]
  const listeners = given.flatMap(parse)
  const [first] = listeners
  if (first === undefined) throw routerFaults.NGINX_WORD_INVALID({ what: 'address to listen on', value: '' })
  return { listeners, lenient: given.some(isPort), ask: { ...first, address: reachable(first.address) } }
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

const reachable = (address: string) =>
  ['*', '0.0.0.0'].includes(address) ? '127.0.0.1' : address === '[::]' ? '[::1]' : address

/** The lines of a server block, with the four spaces of all but the first. */
export const listenLines = (listeners: readonly Listener[]): string =>
  listeners.map(({ address, port }) => `listen ${address === '*' ? '' : `${address}:`}${port};`).join('\n    ')

/** Reads the words of a `listen` line of anybody's; none for a socket of the file system, two where IPv6 takes IPv4 as well. */
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

/** Whether some connection could be meant by both. */
export const overlap = (a: Listener, b: Listener): boolean =>
  a.port === b.port &&
  family(a.address) === family(b.address) &&
  (a.address === b.address || isAll(a.address) || isAll(b.address))

/** Which of the listeners nginx takes for a connection to this address: the very address before all addresses. */
export function taken<L extends Listener>(all: readonly L[], { address, port }: Listener): readonly L[] {
  const there = all.filter(it => overlap(it, { address, port }))
  const exact = there.filter(it => it.address === address)
  return exact.length > 0 ? exact : there
}

export const shownListener = ({ address, port }: Listener): string => `${address}:${port}`
