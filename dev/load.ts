/**
 * Load on a web application, to count the requests that a switch loses. It never retries and never hides a failure: a request whose
 * keep-alive connection the server closes meanwhile has failed, because that is what is measured. It runs in a process of its own,
 * so that it and the test do not delay each other.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * `keepAlive`: GET after GET on one connection · `idle`: the same with a second of silence before each · `post`: 64 KiB
 * over keep-alive, which has to come back · `fresh`: a connection for each GET · `slow`: GETs that take 1.5 s, so that
 * some are always in flight · `http2`: GET after GET on one HTTP/2 connection, to `http2Url` · `socket`: WebSockets that
 * send a message and wait for its echo.
 */
export type Kind = 'keepAlive' | 'idle' | 'post' | 'fresh' | 'slow' | 'http2' | 'socket'

export interface LoadOptions {
  /** The base URL, such as `http://127.0.0.1:8080`, or `https://`, whose certificate is not verified. It has to be on this machine, or one of `swarm.ts`. */
  url: string
  /** The site: the `Host` header, or `:authority` with HTTP/2. @default the host of the URL */
  host?: string
  /** The URL for HTTP/2: `https://127.0.0.1:8443`, whose certificate is not verified, or `http://` for HTTP/2 with prior knowledge. */
  http2Url?: string
  /** Number of clients of each kind; 0 leaves a kind out. */
  clients?: Partial<Record<Kind, number>>
  /** Milliseconds that a client of this kind waits between a response and its next request. */
  pauseMs?: Partial<Record<Kind, number>>
  paths?: Partial<Paths>
  /** The load ends by itself after this many seconds, at most 600. @default 120 */
  maxSeconds?: number
  /** The load ends by itself after this many requests, at most a million. @default 500_000 */
  maxRequests?: number
  /** Milliseconds after which a request without a complete response has failed. @default 10_000 */
  timeoutMs?: number
  /** The highest status of a response that is no failure. @default 299 */
  highest?: number
  /** Names of the response headers that are passed to `parse`. @default [] */
  headers?: readonly string[]
  /** Extracts a value from a response, such as the slot or the version. @default the values of `headers`, or the body if there are none */
  parse?: (answer: Answer) => string | undefined
}

interface Paths {
  get: string
  post: string
  slow: string
  socket: string
}

/** The kept part of a response: the headers of `LoadOptions.headers`, and the first 200 characters of the body of a GET. */
export interface Answer {
  headers: Record<string, string>
  body: string
}

/** A run of responses with equal values. Times are milliseconds since 1970, with fractions. */
interface Seen {
  value: string
  count: number
  firstSentAt: number
  lastSentAt: number
  firstAnsweredAt: number
  lastAnsweredAt: number
}

interface Failure {
  /** A status (`503`), an errno (`ECONNRESET`), `timeout`, `not echoed`, `cut off`, `handshake 502` or `closed 1006`. */
  reason: string
  sentAt: number
  failedAt: number
}

/** `sent` is always `ok + failed`. For WebSockets it counts each message and the handshake. */
interface KindReport {
  sent: number
  ok: number
  failed: number
  /** Number of failures by reason. */
  reasons: Record<string, number>
  /** The first thousand failures. */
  failures: Failure[]
  seen: Seen[]
  /** Latency of the successful requests in milliseconds; 0 if there were none. */
  latencyMs: { p50: number; p99: number; max: number }
}

/** A WebSocket that was closed before the end of the load. It is not opened again. */
export interface Drop {
  at: number
  /** The close code; 1006 means that the connection ended without a close frame. */
  code: number
  reason: string
}

export interface Report {
  startedAt: number
  endedAt: number
  /** Why the load ended. Anything except `stop` means that it did not cover the whole test. */
  endedBy: 'stop' | 'time' | 'count'
  sent: number
  ok: number
  failed: number
  kinds: Record<Kind, KindReport>
  drops: Drop[]
}

/** The reasons of failed requests, such as `fresh: 2 status 502`. */
export const failuresIn = ({ kinds }: Pick<Report, 'kinds'>): string[] =>
  Object.entries(kinds).flatMap(([kind, { reasons }]) =>
    Object.entries(reasons).map(([why, n]) => `${kind}: ${n} ${why}`),
  )

export interface Load extends AsyncDisposable {
  /** Sends no new requests, waits for those in flight, and resolves to the report; further calls return the same one. Disposing without it kills the load. */
  stop(): Promise<Report>
}

/** The argument of the load process, and its messages. */
export type Plan = Required<Omit<LoadOptions, 'host' | 'parse' | 'clients' | 'pauseMs' | 'paths'>> & {
  host?: string
  clients: Record<Kind, number>
  pauseMs: Record<Kind, number>
  paths: Paths
}
export type RawKindReport = Omit<KindReport, 'seen'> & { seen: (Omit<Seen, 'value'> & { answer: Answer })[] }
export type RawReport = Omit<Report, 'kinds'> & { kinds: Record<Kind, RawKindReport> }
export type Message = { type: 'ready' } | { type: 'report'; report: RawReport }

/**
 * Starts the load. Resolves when every client has had its first response or failure (a slow one: has sent its first request).
 *
 * @throws RangeError for a URL of another machine, or an invalid limit
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const plan = toPlan(options)
  const { file, execArgv } = program()
  const child = fork(file, [JSON.stringify(plan)], { execArgv, serialization: 'advanced' })
  const report = messageFrom(child, 'report').then(({ report }) => withValues(report, options))
  // The caller of `stop` gets the error; until then it must not end the test's process.
  report.catch(() => undefined)
  await messageFrom(child, 'ready')
  const gone = once(child, 'exit')
  let stopped = false
  return {
    stop() {
      stopped = true
      if (child.connected) child.send('stop')
      return report
    },
    async [Symbol.asyncDispose]() {
      if (!stopped) child.kill('SIGKILL')
      await gone
    },
  }
}

/** The package has the process as JavaScript. */
function program(): { file: string; execArgv: string[] } {
  const [, ending = 'js'] = /\.(ts|js)$/.exec(new URL(import.meta.url).pathname) ?? []
  const name = ending === 'js' ? './load/load-process.js' : './load-process.ts'
  const file = fileURLToPath(new URL(name, import.meta.url))
  if (ending === 'js') return { file, execArgv: [] }
  return { file, execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] }
}

function toPlan({ parse: _, ...options }: LoadOptions): Plan {
  assertOurs(options.url)
  if (options.http2Url !== undefined) assertOurs(options.http2Url)
  const plan: Plan = {
    http2Url: options.url,
    maxSeconds: 120,
    maxRequests: 500_000,
    timeoutMs: 10_000,
    highest: 299,
    headers: [],
    ...options,
    clients: {
      keepAlive: 4,
      idle: 4,
      post: 2,
      fresh: 2,
      slow: 4,
      http2: options.http2Url ? 2 : 0,
      socket: 20,
      ...options.clients,
    },
    pauseMs: { keepAlive: 5, idle: 1100, post: 10, fresh: 10, slow: 0, http2: 5, socket: 200, ...options.pauseMs },
    paths: { get: '/', post: '/echo', slow: '/slow?ms=1500', socket: '/ws', ...options.paths },
  }
  if (!(plan.maxSeconds > 0 && plan.maxSeconds <= 600))
    throw new RangeError('maxSeconds has to be more than 0 and at most 600.')
  if (!(plan.maxRequests > 0 && plan.maxRequests <= 1_000_000)) {
    throw new RangeError('maxRequests has to be more than 0 and at most 1000000.')
  }
  return plan
}

function assertOurs(url: string): void {
  const { protocol, hostname } = new URL(url)
  if (/^https?:$/.test(protocol) && /^(localhost|127(\.\d+){3}|10\.77\.0\.\d+|\[::1\])$/.test(hostname)) return
  throw new RangeError(`The load may be sent to this machine only, over HTTP or HTTPS, not to ${url}.`)
}

function messageFrom<T extends Message['type']>(child: ChildProcess, type: T): Promise<Extract<Message, { type: T }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: Message) => {
      if (message.type === type) resolve(message as Extract<Message, { type: T }>)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`The load process ended (${signal ?? code}) without the message ${type}.`)),
    )
  })
}

function withValues(raw: RawReport, { parse = plainValue }: LoadOptions): Report {
  const kinds = Object.entries(raw.kinds).map(([kind, report]) => {
    const seen: Seen[] = []
    for (const { answer, ...run } of report.seen) {
      const value = parse(answer)
      const last = seen.at(-1)
      if (value === undefined) continue
      if (last?.value !== value) {
        seen.push({ value, ...run })
        continue
      }
      last.count += run.count
      last.firstSentAt = Math.min(last.firstSentAt, run.firstSentAt)
      last.lastSentAt = Math.max(last.lastSentAt, run.lastSentAt)
      last.lastAnsweredAt = run.lastAnsweredAt
    }
    return [kind, { ...report, seen }]
  })
  return { ...raw, kinds: Object.fromEntries(kinds) }
}

function plainValue({ headers, body }: Answer): string | undefined {
  return Object.values(headers).join(' ') || body.trim() || undefined
}
