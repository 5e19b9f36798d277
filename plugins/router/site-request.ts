/** Sends requests to a site from its own host with curl, each on a new connection, and parses the responses. */
import { clock } from '../../host/clock.ts'
import { program } from '../../host/program.ts'
import { type Output, raw, type Script, sh } from '../../host/script.ts'
import { hostPart } from '../../slots/address.ts'
import type { Answer, OutsideAnswer, PublicAnswer, Route, Verification, VerifyLimits } from '../../slots/contracts.ts'
import { headerInput } from '../../slots/health/headers.ts'

/** Timeout of one request, in seconds. */
const TIMEOUT = 5

/** Where to send requests to a site: its URL, and the address on the host that receives them. */
export interface Place {
  readonly url: URL
  /** IPv6 in brackets. */
  readonly address: string
  /** The address that the slots listen on, if not loopback. */
  readonly upstream?: string | undefined
}

/**
 * Sends one GET and prints the response with its headers. It connects to this machine regardless of DNS, proxies and .curlrc. The certificate is not
 * verified, because the peer is known: it is this machine.
 */
export function get(place: Place, path: string, timeout: number | Script = TIMEOUT, headers: Headers = {}): Script {
  const options = ['-q', '-sS', '-i', ...CURL_OPTIONS, '--no-keepalive']
  return withHeaders(sh.read`curl ${options} --max-time ${timeout} ${target(place, path)}`, headers)
}

/**
 * Like `get`, but follows one redirect to HTTPS on the same host name, for example where certbot made the site HTTPS-only, and prints both responses.
 * It never contacts another machine.
 */
export function getFollowing({ url, address }: Place, path: string, headers: Headers = {}): Script {
  const hosts = ['--connect-to', `${url.hostname}::${address}:`, '--connect-to', '::127.0.0.1:1']
  const options = [
    '-q',
    '-sS',
    '-i',
    ...CURL_OPTIONS,
    '--no-keepalive',
    '--location',
    '--max-redirs',
    1,
    '--proto-redir',
    '=https',
  ]
  return withHeaders(sh.read`curl ${options} --max-time ${TIMEOUT} ${hosts} ${url.origin + path}`, headers)
}

type Headers = NonNullable<VerifyLimits['headers']>

const withHeaders = (request: Script, headers: Headers): Script =>
  Object.keys(headers).length === 0 ? request : sh.read`${headerInput(headers)} | ${request} --config -`

const STATUS = ['-q', '-s', '-o', '/dev/null', '-w', '%{http_code}\\n', '--max-time', 2]

/** Prints the HTTP status of a path. The timeout is short: a server that denies access answers at once. */
export const status = (place: Place, path: string): Script =>
  sh.read`curl ${STATUS} ${CURL_OPTIONS} ${target(place, path)}`

/** Like `status`, but sent directly to the slot whose port the script prints. */
export const statusOf = ({ url, upstream }: Place, path: string, port: Script): Script =>
  sh.read`port=$(${port}) && curl ${STATUS} ${CURL_OPTIONS} --connect-to "::${raw(hostPart(upstream))}:$port" ${`http://${url.host}${path}`}`

/** The same request as curl arguments, URL last, for callers that build their own command: over HTTP/1.1, to this machine. */
export const curlArgs = (place: Place, path: string): readonly string[] => [
  '-q',
  ...CURL_OPTIONS,
  ...target(place, path),
]

const CURL_OPTIONS = ['--http1.1', '--insecure', '--noproxy', '*']

export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

function target({ url, address }: Place, path: string): readonly string[] {
  const port = portOf(url)
  return ['--connect-to', `${url.hostname}:${port}:${address}:${port}`, url.origin + path]
}

type HttpResponse = Answer & { readonly headers: ReadonlyMap<string, string> }

/** Parses the output of `get`, without interim responses (1xx). */
export function parseAnswer(printed: string): HttpResponse {
  const text = printed.replace(/^(?:HTTP\/\S+ 1\d\d.*\r?\n(?:.+\r?\n)*\r?\n)+/, '')
  const [head = ''] = /^[\s\S]*?\r?\n\r?\n/.exec(text) ?? [text]
  const [first = '', ...lines] = head.trimEnd().split(/\r?\n/)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const status = Number(/^HTTP\/\S+ (\d{3})\b/.exec(first)?.[1] ?? 0)
  return { status, headers: new Map(headers), body: text.slice(head.length) }
}

/**
 * Parses the output of `getFollowing` into the text of the last response and the redirect target of the first (`to`, undefined without a redirect). If
 * the redirect was not followed, because it leads to another host name or not to HTTPS, `text` is empty.
 */
export function parseFollowed(
  printed: string,
  requested: URL,
): { readonly text: string; readonly to: URL | undefined } {
  const { status, headers, body } = parseAnswer(printed)
  const location = headers.get('location')
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, requested.href))
    return { text: printed, to: undefined }
  const to = new URL(location, requested)
  return { text: to.hostname === requested.hostname && /^HTTP\//.test(body) ? body : '', to }
}

/** A client in a network that is reserved for documentation, as a proxy on the host would name it. */
const OUTSIDE = { 'X-Forwarded-For': '192.0.2.1' }

/** Requests a path as a client from outside, and follows one redirect like `getFollowing`. */
export const getOutside = (place: Place, path: string): Script => getFollowing(place, path, OUTSIDE)

/** Parses the output of `getOutside`. */
export function parseOutside(printed: string, requested: URL): OutsideAnswer {
  const { text, to } = parseFollowed(printed, requested)
  const { status, headers } = parseAnswer(to !== undefined && text === '' ? printed : text)
  return { status, maintenance: status === 503 && headers.get('x-maintenance') === 'on' }
}

export const NO_SLOT_LIVE = 'no slot is live'

/** Parses a response to `/deployment_id`. `failure` is curl's error message if there was no complete response. */
export function parsePublic(printed: string, failure: string | undefined, slots: readonly string[]): PublicAnswer {
  const none = { slot: undefined, generation: undefined }
  if (failure !== undefined) return { ...none, status: undefined, problem: failure }
  const { status, headers, body } = parseAnswer(printed)
  const slot = body.trim()
  if (status === 503 && slot === NO_SLOT_LIVE) return { ...none, status, problem: undefined }
  if (status !== 200) return { ...none, status, problem: unexpectedStatus(status, headers) }
  if (!slots.includes(slot))
    return { ...none, status, problem: `/deployment_id returned no slot name: ${JSON.stringify(slot.slice(0, 80))}` }
  return { slot, generation: headers.get('x-deployment-generation'), status, problem: undefined }
}

function unexpectedStatus(status: number, headers: ReadonlyMap<string, string>): string {
  const problem = `the site answers ${status || 'no HTTP'} to /deployment_id`
  const location = headers.get('location')
  if (status >= 300 && status <= 399 && location) return `${problem} and redirects to ${location}: ${SET_URL}`
  return problem
}

const SET_URL = 'set `url` of the router in the Taskfile to the URL at which the site itself answers'

/** Like `parsePublic`, for the output of `getFollowing`. `url` is the redirect target that answered; undefined without a redirect. */
export function parsePublicFollowed(
  { stdout, code, stderr }: Output,
  requested: URL,
  slots: readonly string[],
): { readonly answer: PublicAnswer; readonly url: URL | undefined } {
  const { text, to } = parseFollowed(stdout, requested)
  if (to === undefined)
    return { answer: parsePublic(stdout, code === 0 ? undefined : curlError(stderr), slots), url: undefined }
  if (text !== '' && code === 0) return { answer: parsePublic(text, undefined, slots), url: new URL(to.origin) }
  const { status } = parseAnswer(stdout)
  const why = to.hostname === requested.hostname ? `, which does not respond (${curlError(stderr)})` : ''
  const problem = `the site answers ${status} to /deployment_id and redirects to ${to.href}${why}: ${SET_URL}`
  return { answer: { slot: undefined, generation: undefined, status, problem }, url: undefined }
}

/** Sends requests on the host itself until the route is verified or the time limit is reached. Prints the input of `parseVerification`. */
export function verifyLoop(
  place: Place,
  { slot, generation }: Route,
  { answers, within, path, headers }: VerifyLimits,
): Script {
  const [status, body] = slot === undefined ? ['503', NO_SLOT_LIVE] : ['200', slot]
  const application =
    path === undefined
      ? sh.read`echo`
      : sh.read`${get(place, path, TIMEOUT, headers)} 2> /dev/null | base64 -w 0 || printf ' failed'; echo`
  const sameGeneration = generation === undefined ? sh.read`:` : sh.read`[ "$(generation)" = ${generation} ]`
  const loop = program(new URL('./verify.sh', import.meta.url), {
    parameters: {
      request: get(place, '/deployment_id', sh.read`"$limit"`),
      wanted: `0 ${status} ${body}`,
      sameGeneration,
      answers,
      within,
      requestApplication: application,
    },
  })
  return sh.lines(clock, loop)
}

/** Parses the output of `verifyLoop`. */
export function parseVerification(printed: string, slots: readonly string[]): Verification {
  const [head = '', application = '', ...lines] = printed.split('\n')
  const [verified, asked, first, code] = head.split(' ')
  const answer = lines.join('\n')
  return {
    verified: verified === '1',
    asked: Number(asked),
    firstAfter: first === '-' ? undefined : Number(first),
    answer: application === '' ? undefined : applicationAnswer(application),
    last: parsePublic(answer, code === '0' ? undefined : curlError(answer), slots),
  }
}

function applicationAnswer(line: string): Answer {
  const [encoded = '', failed] = line.split(' ')
  if (failed) return { status: 0, body: '' }
  const { status, headers, body } = parseAnswer(Buffer.from(encoded, 'base64').toString())
  const location = headers.get('location')
  return { status, body, ...(location !== undefined && { location }) }
}

/** The text of curl's error message. */
export const curlError = (text: string): string => /^curl: \(\d+\) (.*)$/m.exec(text)?.[1] ?? 'curl reported no error'
