/** The rules of HAProxy's backend about clients: who they are, and how much they may send. */

import { bytesOf, CLIENT_CLAIMS, type ClientOptions } from '../shared.ts'

/** How many trusted proxies may be behind each other. */
const HOPS = 5

const SCHEME = 'txn.switchyard_scheme'
const PUBLIC = 'txn.switchyard_public'

/** In front of all other rules, because they change what `src` is. */
export function clientRules({ trustedProxies = [], bodySize }: ClientOptions): string {
  const scheme = [
    `http-request set-var(${SCHEME}) str(https) if { ssl_fc }`,
    `http-request set-var(${SCHEME}) str(http) unless { ssl_fc }`,
    `http-request set-var(${PUBLIC}) req.hdr(host)`,
  ]
  const proxy = `{ src ${trustedProxies.join(' ')} }`
  const trust = [
    '# The proxies that the Taskfile trusts say who the client is and how it asked. The client is the last address in `X-Forwarded-For` that is not one of them.',
    `http-request set-var(${SCHEME}) req.hdr(x-forwarded-proto) if ${proxy} { req.hdr(x-forwarded-proto) -m reg ^https?$ }`,
    `http-request set-var(${PUBLIC}) req.hdr(x-forwarded-host) if ${proxy} { req.hdr(x-forwarded-host) -m reg ^[][A-Za-z0-9.:_-]+$ }`,
    ...Array.from({ length: HOPS }, (_, i) => `http-request set-src req.hdr_ip(x-forwarded-for,-${i + 1}) if ${proxy}`),
  ]
  const size =
    bodySize === undefined
      ? []
      : [
          '# HAProxy knows only the size that a request announces.',
          `http-request return status 413 content-type text/plain string "${tooLarge(bodySize)}\\n" if { req.body_size gt ${bytesOf(bodySize)} }`,
        ]
  const lines = [...scheme, ...(trustedProxies.length > 0 ? trust : []), ...size]
  return `${lines.map(line => `    ${line}\n`).join('')}\n`
}

const tooLarge = (size: string) =>
  `The body of the request is larger than ${size.toLowerCase()}, the limit of this site.`

/** What the application learns about the client's request. A client can claim anything, so its own headers count for nothing. */
export const forwardRules: string = [
  ...CLIENT_CLAIMS.map(name => `http-request del-header ${name}`),
  'http-request set-header X-Real-IP %[src]',
  'http-request set-header X-Forwarded-For %[src]',
  `http-request set-header X-Forwarded-Host %[var(${PUBLIC})]`,
  `http-request set-header X-Forwarded-Proto %[var(${SCHEME})]`,
]
  .map(line => `    ${line}\n`)
  .join('')
