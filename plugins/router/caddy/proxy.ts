/** How Caddy sends a request to a slot: on one host at its address, on several to any of them. */
import { type ClientOptions, hostPart, type Slot, slotAt } from '../shared.ts'
import { forwardLines } from './clients.ts'
import { indented } from './indent.ts'

/** The addresses of a slot: one on each host. */
export const addressesOf = (slot: Pick<Slot, 'port' | 'address' | 'pool'>): readonly string[] =>
  slot.pool ? slot.pool.map(address => `${hostPart(address)}:${slot.port}`) : [slotAt(slot)]

/** Directives that send the request to the slot that the first placeholder names; the second one has its address, if it has one alone. */
export type Proxying = (slot: string, upstream: string) => string

export const proxyTo =
  (slots: readonly Pick<Slot, 'name' | 'port' | 'pool'>[], clients: ClientOptions): Proxying =>
  (slot, upstream) => {
    if (slots.every(({ pool }) => pool === undefined)) return directive(upstream, '', clients)
    const id = slot.replace(/^.*switchyard_|\W/g, '')
    // A group of fixed addresses for each slot, because Caddy counts failures by the address as it is written.
    return slots
      .map(({ name, port, pool = [] }) => {
        const matcher = `@switchyard_${id}_is_${name}`
        const group = addressesOf({ port, pool }).join(' ')
        return `\t\t${matcher} vars ${slot} ${name}\n${directive(`${matcher} ${group}`, POOL, clients)}`
      })
      .join('')
  }

/** Only a connection that failed is tried elsewhere for any request. Otherwise a GET is, because the application may have handled the request. */
const POOL = `# Another host takes over if a connection fails; the one that failed gets no requests for two seconds.
lb_policy round_robin
lb_try_duration 5s
lb_try_interval 50ms
fail_duration 2s
max_fails 1
`

const directive = (to: string, balancing: string, clients: ClientOptions) =>
  indented(reverseProxy(to, clients, balancing, balancing && 'dial_timeout 2s\n'), 2)

/** `more`: further lines of the block. `transport`: further lines about the connection to the slot. */
export const reverseProxy = (to: string, clients: ClientOptions, more = '', transport = ''): string =>
  `reverse_proxy ${to} {
${forwardLines(clients)}	# One request per connection to a slot: the application may close an idle connection just as a request is sent on it.
	transport http {
		keepalive off
		compression off
${indented(transport, 2)}	}
${indented(more, 1)}}
`
