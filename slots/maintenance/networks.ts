/** The networks of `--allow`, in CIDR notation. */
import { isIP } from 'node:net'

/** Networks that fit one command of a router. */
const MOST = 200
/** The most bits of a group of IPv6 that may be free: 512 files. The smallest number that allows fc00::/7. */
const MOST_FREE = 9
const BITS = { 4: 32, 6: 128 } as const

/** A network whose address has only the bits of its prefix. */
export interface Network {
  readonly family: 4 | 6
  /** Its parts: four numbers, or eight groups of 16 bits. */
  readonly parts: readonly number[]
  /** The number of leading bits that its addresses share. */
  readonly prefix: number
}

/**
 * Parses a list such as `10.0.0.0/8,2001:db8::/32,192.0.2.7` into the same networks in one notation.
 *
 * @throws Error whose message continues "<name> cannot be `x`:"
 */
export function parseNetworks(text: string): readonly string[] {
  const found = text.split(',').map(entry => cidr(networkOf(entry.trim())))
  if (found.length > MOST) throw new Error(`it must have at most ${MOST} networks`)
  return [...new Set(found)]
}

/** @throws Error for a text that is no address and no network */
export function networkOf(text: string): Network {
  const [address = '', digits, ...more] = text.split('/')
  const family = isIP(address)
  const expected = new Error('it must be addresses or networks, such as 10.0.0.0/8,2001:db8::/32')
  if ((family !== 4 && family !== 6) || more.length > 0 || address.includes('%')) throw expected
  const prefix = digits === undefined ? BITS[family] : Number(digits)
  if (digits !== undefined && !/^\d{1,3}$/.test(digits)) throw expected
  if (prefix > BITS[family]) throw new Error(`${text} has more than ${BITS[family]} bits`)
  if (prefix === 0) throw new Error(`${text} is everybody: end the maintenance instead`)
  const size = family === 4 ? 8 : 16
  const all = family === 4 ? address.split('.').map(Number) : groupsOf(address)
  const parts = all.map((part, i) => {
    const free = Math.min(size, Math.max(0, (i + 1) * size - prefix))
    return part - (part % 2 ** free)
  })
  return checked({ family, parts, prefix }, text)
}

/**
 * Two of the routers look for files that are named after the first 16, 32, 48 or 64 bits of a client's address, or after all of it. A network in between
 * is one file for each value of the rest.
 */
function checked(network: Network, text: string): Network {
  const { family, prefix } = network
  if (family === 6 && prefix > 64 && prefix < 128)
    throw new Error(`${text} has between 65 and 127 bits: use /64 or /128`)
  if (family === 6 && (16 - (prefix % 16)) % 16 > MOST_FREE)
    throw new Error(
      `${text} cannot be looked up: use /${prefix - (prefix % 16) + 16 - MOST_FREE} or more, or a multiple of 16`,
    )
  return network
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  // The URL parser knows every notation, such as a last part in dots.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const groups = (half: string) => half.split(':').flatMap(group => (group === '' ? [] : [Number.parseInt(group, 16)]))
  const [first, last] = [groups(head), groups(tail ?? '')]
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

/** The address in the notation of RFC 5952, as the routers write that of a client. */
export const addressText = ({ family, parts }: Pick<Network, 'family' | 'parts'>): string =>
  family === 4
    ? parts.join('.')
    : new URL(`http://[${parts.map(part => part.toString(16)).join(':')}]`).hostname.slice(1, -1)

const cidr = (network: Network): string => `${addressText(network)}/${network.prefix}`
