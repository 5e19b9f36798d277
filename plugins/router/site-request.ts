/** Asking a site from its own host, with curl, on a connection of its own each time. */
import { program } from '../../host/program.ts'
import { type Output, type Script, sh } from '../../host/script.ts'
import type { Answer, PublicAnswer, Route, Verification, VerifyLimits } from '../../slots/contracts.ts'
import { headerInput } from '../../slots/health/headers.ts'

/** Seconds that one answer may take. */
const PATIENCE = 5

/** Where a site is asked: under a URL, at an address of this machine. */
export interface Place {
  readonly url: URL
  /** With IPv6 in brackets. */
  readonly address: string
}

/**
 * One GET; prints the answer with its headers. It goes to this machine, whatever the DNS says of the name, and past any
 * proxy and .curlrc. A certificate is not looked at: it is the name's, and who answers is not in question.
 */
export function get(place: Place, path: string, patience: number | Script = PATIENCE, headers: Headers = {}): Script {
  const options = ['-q', '-sS', '-i', ...REACH, '--no-keepalive']
  const one = sh.read`curl ${options} --max-time ${patience} ${target(place, path)}`
  return Object.keys(headers).length === 0 ? one : sh.read`${headerInput(headers)} | ${one} --config -`
}

/**
 * The same, and once more where the answer sends it to another port of the same name, as where certbot has made a site HTTPS alone: prints
 * both answers. It never leaves this machine.
 */
export function getFollowing({ url, address }: Place, path: string): Script {
  const hosts = ['--connect-to', `${url.hostname}::${address}:`, '--connect-to', '::127.0.0.1:1']
  const options = [
    '-q',
    '-sS',
    '-i',
    ...REACH,
    '--no-keepalive',
    '--location',
    '--max-redirs',
    1,
    '--proto-redir',
    '=https',
  ]
  return sh.read`curl ${options} --max-time ${PATIENCE} ${hosts} ${url.origin + path}`
}

type Headers = NonNullable<VerifyLimits['headers']>
const STATUS = ['-q', '-s', '-o', '/dev/null', '-w', '%{http_code}\\n', '--max-time', 2]

/** Prints the HTTP status of a path; who refuses answers at once. */
export const status = (place: Place, path: string): Script => sh.read`curl ${STATUS} ${REACH} ${target(place, path)}`

/** The same of a slot itself, whose port the script prints. */
export const statusOf = ({ url }: Place, path: string, port: Script): Script =>
  sh.read`port=$(${port}) && curl ${STATUS} ${REACH} --connect-to "::127.0.0.1:$port" ${`http://${url.host}${path}`}`

/** The same request as arguments of curl, the URL last, for callers that build their own command: over HTTP/1.1, to this machine. */
export const curlArgs = (place: Place, path: string): readonly string[] => ['-q', ...REACH, ...target(place, path)]

const REACH = ['--http1.1', '--insecure', '--noproxy', '*']

export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

function target({ url, address }: Place, path: string): readonly string[] {
  const port = portOf(url)
  return ['--connect-to', `${url.hostname}:${port}:${address}:${port}`, url.origin + path]
}

type Headed = Answer & { readonly headers: ReadonlyMap<string, string> }

/** Splits what `get` printed. Interim answers (1xx) are left out. */
export function parseAnswer(printed: string): Headed {
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
 * Splits what `getFollowing` printed: the text of the last answer, and the URL to which the first one sent us; `undefined` when there was one answer.
 * Where it was sent elsewhere than to the same name by HTTPS, there is no last answer.
 */
export function parseFollowed(printed: string, asked: URL): { readonly text: string; readonly to: URL | undefined } {
  const { status, headers, body } = parseAnswer(printed)
  const location = headers.get('location')
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, asked.href))
    return { text: printed, to: undefined }
  const to = new URL(location, asked)
  return { text: to.hostname === asked.hostname && /^HTTP\//.test(body) ? body : '', to }
}

export const NOBODY = 'no slot is live'

/** What an answer of `/deployment_id` says. `failure` is curl's own word when there was no whole answer. */
export function parsePublic(printed: string, failure: string | undefined, slots: readonly string[]): PublicAnswer {
  const none = { slot: undefined, generation: undefined }
  if (failure !== undefined) return { ...none, status: undefined, problem: failure }
  const { status, headers, body } = parseAnswer(printed)
  const said = body.trim()
  if (status === 503 && said === NOBODY) return { ...none, status, problem: undefined }
  if (status !== 200) return { ...none, status, problem: notOk(status, headers) }
  if (!slots.includes(said))
    return { ...none, status, problem: `/deployment_id names no slot: ${JSON.stringify(said.slice(0, 80))}` }
  return { slot: said, generation: headers.get('x-deployment-generation'), status, problem: undefined }
}

function notOk(status: number, headers: ReadonlyMap<string, string>): string {
  const said = `the site answers ${status || 'no HTTP'} to /deployment_id`
  const location = headers.get('location')
  if (status >= 300 && status <= 399 && location) return `${said}, and sends to ${location}: ${SET_URL}`
  return said
}

const SET_URL = 'set `url` of the router in the Taskfile to where the site itself answers'

/** As `parsePublic`, for what `getFollowing` printed; `url` is where it was answered, when that was somewhere else. */
export function parsePublicFollowed(
  { stdout, code, stderr }: Output,
  asked: URL,
  slots: readonly string[],
): { readonly answer: PublicAnswer; readonly url: URL | undefined } {
  const { text, to } = parseFollowed(stdout, asked)
  if (to === undefined)
    return { answer: parsePublic(stdout, code === 0 ? undefined : curlSaid(stderr), slots), url: undefined }
  if (text !== '' && code === 0) return { answer: parsePublic(text, undefined, slots), url: new URL(to.origin) }
  const { status } = parseAnswer(stdout)
  const why = to.hostname === asked.hostname ? `, where there is no answer (${curlSaid(stderr)})` : ''
  const problem = `the site answers ${status} to /deployment_id, and sends to ${to.href}${why}: ${SET_URL}`
  return { answer: { slot: undefined, generation: undefined, status, problem }, url: undefined }
}

/** Asks on the host itself until the route is proven, or the time is over. Its output is for `parseVerification`. */
export function verifyLoop(
  place: Place,
  { slot, generation }: Route,
  { answers, within, path, headers }: VerifyLimits,
): Script {
  const [status, body] = slot === undefined ? ['503', NOBODY] : ['200', slot]
  const application =
    path === undefined
      ? sh.read`echo`
      : sh.read`${get(place, path, PATIENCE, headers)} 2> /dev/null | base64 -w 0 || printf ' failed'; echo`
  const same = generation === undefined ? sh.read`:` : sh.read`[ "$(generation)" = ${generation} ]`
  return program(new URL('./verify.sh', import.meta.url), {
    parameters: {
      ask: get(place, '/deployment_id', sh.read`"$limit"`),
      wanted: `0 ${status} ${body}`,
      same,
      answers,
      within,
      askApplication: application,
    },
  })
}

/** Reads what `verifyLoop` printed. */
export function parseVerification(printed: string, slots: readonly string[]): Verification {
  const [head = '', application = '', ...lines] = printed.split('\n')
  const [verified, asked, first, code] = head.split(' ')
  const answer = lines.join('\n')
  return {
    verified: verified === '1',
    asked: Number(asked),
    firstAfter: first === '-' ? undefined : Number(first),
    answer: application === '' ? undefined : applicationAnswer(application),
    last: parsePublic(answer, code === '0' ? undefined : curlSaid(answer), slots),
  }
}

function applicationAnswer(line: string): Answer {
  const [encoded = '', failed] = line.split(' ')
  if (failed) return { status: 0, body: '' }
  const { status, headers, body } = parseAnswer(Buffer.from(encoded, 'base64').toString())
  const location = headers.get('location')
  return { status, body, ...(location !== undefined && { location }) }
}

/** curl's own line about a failure, without its name. */
export const curlSaid = (text: string): string => /^curl: \(\d+\) (.*)$/m.exec(text)?.[1] ?? 'curl gave no answer'
