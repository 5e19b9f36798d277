/** The part of Caddy's routes about clients: who they are, and how much they may send. */

import { bytesOf, CLIENT_CLAIMS, type ClientOptions } from '../shared.ts'

/** The placeholder of the client's address. */
export const clientOf = ({ trustedProxies = [] }: ClientOptions): string =>
  trustedProxies.length > 0 ? '{vars.switchyard_client}' : '{remote_host}'

/** In front of all other routes. */
export function clientRoutes({ trustedProxies = [], bodySize }: ClientOptions): string {
  const trust = `	# A proxy that the Taskfile trusts says who the client is: the last address in X-Forwarded-For.
	@switchyard_proxied {
		remote_ip ${trustedProxies.join(' ')}
		header X-Forwarded-For *
	}
	map {http.request.header.X-Forwarded-For} {switchyard_hop} {
		~([0-9A-Fa-f:.]+)\\s*$ \${1}
		default {remote_host}
	}
	vars switchyard_client {remote_host}
	vars @switchyard_proxied switchyard_client {switchyard_hop}

`
  const size = (limit: string) => `	# The size that a request announces; without one, it is cut off there.
	@switchyard_large header_regexp Content-Length ${above(bytesOf(limit))}
	respond @switchyard_large "The body of the request is larger than ${limit.toLowerCase()}, the limit of this site.
" 413
	request_body {
		max_size ${bytesOf(limit)}
	}

`
  return `${trustedProxies.length > 0 ? trust : ''}${bodySize === undefined ? '' : size(bodySize)}`
}

/** Lines of `reverse_proxy`. A client can claim anything, so its own headers count for nothing; Caddy itself replaces the rest of `X-Forwarded-*`. */
export const forwardLines = (clients: ClientOptions): string => {
  const { trustedProxies = [] } = clients
  const lines = [
    ...(trustedProxies.length > 0 ? [`trusted_proxies ${trustedProxies.join(' ')}`] : []),
    `header_up X-Real-IP ${clientOf(clients)}`,
    ...(trustedProxies.length > 0 ? [`header_up X-Forwarded-For ${clientOf(clients)}`] : []),
    ...CLIENT_CLAIMS.map(name => `header_up -${name}`),
  ]
  return lines.map(line => `\t${line}\n`).join('')
}

/** A regular expression for the whole numbers above this one, without leading zeros. */
export function above(number: number): string {
  const digits = String(number)
  const longer = `[1-9]\\d{${digits.length},}`
  const larger = [...digits].flatMap((digit, i) => {
    if (digit === '9') return []
    const rest = digits.length - i - 1
    return [`${digits.slice(0, i)}[${Number(digit) + 1}-9]${rest > 0 ? `\\d{${rest}}` : ''}`]
  })
  return `^0*(?:${[longer, ...larger].join('|')})$`
}
