/** The process that sends the load, started by load.ts. Its argument is the plan as JSON. */
import { setMaxListeners } from 'node:events'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Drop, Kind, Message, Plan, RawKindReport, RawReport } from './load.ts'

const plan = JSON.parse(process.argv[2] ?? '') as Plan
const secure = plan.url.startsWith('https:')
const kinds = ['keepAlive', 'idle', 'post', 'fresh', 'slow', 'http2', 'socket'] as const satisfies readonly Kind[]
const upload = Buffer.alloc(64 * 1024, 'switchyard ')
const stopping = new AbortController()
// One listener for each client, so their number is no leak.
setMaxListeners(0, stopping.signal)
const drops: Drop[] = []
let endedBy: RawReport['endedBy'] = 'stop'
let left = plan.maxRequests

function now(): number {
  return performance.timeOrigin + performance.now()
}

function end(by: RawReport['endedBy']): void {
  if (stopping.signal.aborted) return
  endedBy = by
  stopping.abort()
}

/** Whether one more request may be sent; subtracts it from the remaining number. */
function mayStart(): boolean {
  if (stopping.signal.aborted) return false
  if (left === 0) end('count')
  else left -= 1
  return !stopping.signal.aborted
}

/** Waits, at most until the end of the load. */
async function pause(milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: stopping.signal }).catch(() => undefined)
}

/** The results of one kind of requests. */
class Tally {
  ok = 0
  failed = 0
  readonly #latencies: number[] = []
  readonly #reasons: Record<string, number> = {}
  readonly #failures: RawKindReport['failures'] = []
  readonly #seen: RawKindReport['seen'] = []
  #lastAnswer = ''

  succeed(sentAt: number, answer: Answer): void {
    const at = now()
    this.ok += 1
    this.#latencies.push(at - sentAt)
    const key = JSON.stringify(answer)
    const last = this.#seen.at(-1)
    if (last === undefined || key !== this.#lastAnswer) {
      this.#lastAnswer = key
      this.#seen.push({
        answer,
        count: 1,
        firstSentAt: sentAt,
        lastSentAt: sentAt,
        firstAnsweredAt: at,
        lastAnsweredAt: at,
      })
      return
    }
    last.count += 1
    last.firstSentAt = Math.min(last.firstSentAt, sentAt)
    last.lastSentAt = Math.max(last.lastSentAt, sentAt)
    last.lastAnsweredAt = at
  }

  fail(sentAt: number, reason: string): void {
    this.failed += 1
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    if (this.#failures.length < 1000) this.#failures.push({ reason, sentAt, failedAt: now() })
  }

  report(): RawKindReport {
    const sorted = this.#latencies.sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
    return {
      sent: this.ok + this.failed,
      ok: this.ok,
      failed: this.failed,
      reasons: this.#reasons,
      failures: this.#failures,
      seen: this.#seen,
      latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    }
  }
}

function pickHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    plan.headers.flatMap(name => {
      const value = headers[name.toLowerCase()]
      return value === undefined ? [] : [[name, String(value)]]
    }),
  )
}

/** Sends one request; resolves when it is over, and never rejects. The response has to repeat `body`. */
function exchange(tally: Tally, agent: Agent, path: string, body?: Buffer): Promise<void> {
  return new Promise(resolve => {
    const sentAt = now()
    let over = false
    const settle = (outcome: Answer | string): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      if (typeof outcome === 'string') tally.fail(sentAt, outcome)
      else tally.succeed(sentAt, outcome)
      resolve()
    }
    const sent = (secure ? secureRequest : request)(new URL(path, plan.url), {
      agent,
      method: body ? 'POST' : 'GET',
      headers: {
        ...(plan.host !== undefined && { host: plan.host }),
        ...(body && { 'content-type': 'application/octet-stream', 'content-length': body.length }),
      },
    })
    const timer = setTimeout(() => {
      settle('timeout')
      sent.destroy()
    }, plan.timeoutMs)
    sent.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
    sent.on('close', () => settle('cut off'))
    sent.on('response', response => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
      response.on('end', () => {
        const got = Buffer.concat(parts)
        const status = response.statusCode ?? 0
        if (!response.complete) settle('cut off')
        else if (status < 200 || status > plan.highest) settle(String(status))
        else if (body && !got.equals(body)) settle('not echoed')
        else settle({ headers: pickHeaders(response.headers), body: body ? '' : got.toString().slice(0, 200) })
      })
    })
    sent.end(body)
  })
}

/** One client that sends requests in a loop. Calls `started` after its first request or, for the slow kind, before it. */
async function httpClient(
  kind: Exclude<Kind, 'socket' | 'http2'>,
  share: number,
  tally: Tally,
  started: () => void,
): Promise<void> {
  const options = { keepAlive: kind !== 'fresh' && kind !== 'slow', maxSockets: 1 }
  const agent = secure ? new SecureAgent({ ...options, rejectUnauthorized: false }) : new Agent(options)
  const path = kind === 'slow' ? plan.paths.slow : kind === 'post' ? plan.paths.post : plan.paths.get
  if (kind === 'slow') started()
  for (let first = true; mayStart(); first = false) {
    const sentAt = now()
    await exchange(tally, agent, path, kind === 'post' ? upload : undefined)
    started()
    // Spreads the clients of a kind: once, each waits for its own share (0 to 1) of the time between responses.
    const apart = first && kind === 'slow' ? (now() - sentAt) * share : 0
    await pause(apart + plan.pauseMs[kind] * (first ? share : 1))
  }
  agent.destroy()
  started()
}

/** Sends one GET on an HTTP/2 connection; resolves when it is over, and never rejects. */
function stream(tally: Tally, session: ClientHttp2Session): Promise<void> {
  return new Promise(resolve => {
    const sentAt = now()
    const parts: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let status = 0
    let whole = false
    let problem: string | undefined
    const sent = session.request({
      ':path': plan.paths.get,
      ...(plan.host !== undefined && { ':authority': plan.host }),
    })
    const timer = setTimeout(() => {
      problem = 'timeout'
      sent.close()
    }, plan.timeoutMs)
    sent.on('response', got => {
      headers = got
      status = got[':status'] ?? 0
    })
    sent.on('data', (part: Buffer) => parts.push(part))
    sent.on('error', (error: NodeJS.ErrnoException) => {
      problem ??= /NGHTTP2_\w+/.exec(error.message)?.[0] ?? error.code ?? error.message
    })
    sent.on('end', () => {
      whole = true
    })
    sent.on('close', () => {
      clearTimeout(timer)
      if (problem !== undefined || !whole) tally.fail(sentAt, problem ?? 'cut off')
      else if (status < 200 || status > plan.highest) tally.fail(sentAt, String(status))
      else tally.succeed(sentAt, { headers: pickHeaders(headers), body: Buffer.concat(parts).toString().slice(0, 200) })
      resolve()
    })
    sent.end()
  })
}

/** One HTTP/2 client. After a GOAWAY it opens a new connection for its next request, like a browser. */
async function http2Client(share: number, tally: Tally, started: () => void): Promise<void> {
  let session: ClientHttp2Session | undefined
  for (let first = true; mayStart(); first = false) {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(plan.http2Url, { rejectUnauthorized: false })
      // Each request on it reports its own failure.
      session.on('error', () => undefined)
    }
    await stream(tally, session)
    started()
    await pause(plan.pauseMs.http2 * (first ? share : 1))
  }
  session?.destroy()
  started()
}

/** One WebSocket, from its handshake until it is closed: by this client at the end of the load, or by another side before. */
async function socketClient(name: number, tally: Tally, started: () => void): Promise<void> {
  // Not at the start: the package has this program, and no WebSocket client.
  const { WebSocket } = await import('ws')
  return new Promise(resolve => {
    if (!mayStart()) {
      started()
      resolve()
      return
    }
    const openedAt = now()
    const socket = new WebSocket(new URL(plan.paths.socket, plan.url.replace('http', 'ws')), {
      ...(plan.host !== undefined && { headers: { host: plan.host } }),
      handshakeTimeout: plan.timeoutMs,
      perMessageDeflate: false,
      rejectUnauthorized: false,
    })
    const waiting = new Map<string, number>()
    const answer: Answer = { headers: {}, body: '' }
    let state: 'opening' | 'open' | 'closing' = 'opening'
    let count = 0
    let timer: NodeJS.Timeout | undefined
    const tick = (): void => {
      for (const [text, sentAt] of waiting) {
        if (now() - sentAt < plan.timeoutMs) continue
        waiting.delete(text)
        tally.fail(sentAt, 'timeout')
      }
      if (!stopping.signal.aborted && socket.readyState === WebSocket.OPEN && mayStart()) {
        count += 1
        const text = `${name}:${count}`
        waiting.set(text, now())
        socket.send(text)
      } else if (stopping.signal.aborted && waiting.size === 0) {
        state = 'closing'
        socket.close(1000)
        // A server that does not complete the close must not delay the report.
        setTimeout(() => socket.terminate(), 1000).unref()
      }
    }
    socket.on('upgrade', response => {
      answer.headers = pickHeaders(response.headers)
    })
    socket.on('open', () => {
      state = 'open'
      tally.succeed(openedAt, answer)
      started()
      timer = setInterval(tick, plan.pauseMs.socket)
    })
    socket.on('message', data => {
      const sentAt = waiting.get(String(data))
      if (sentAt === undefined) return
      waiting.delete(String(data))
      tally.succeed(sentAt, answer)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (state !== 'opening') return
      tally.fail(openedAt, `handshake ${/response: (\d+)/.exec(error.message)?.[1] ?? error.code ?? error.message}`)
    })
    socket.on('close', (code, reason) => {
      clearInterval(timer)
      if (state === 'open') drops.push({ at: now(), code, reason: reason.toString() })
      for (const sentAt of waiting.values()) tally.fail(sentAt, `closed ${code}`)
      started()
      resolve()
    })
  })
}

function start(kind: Kind, index: number, tally: Tally, started: () => void): Promise<void> {
  const share = index / plan.clients[kind]
  if (kind === 'socket') return socketClient(index, tally, started)
  if (kind === 'http2') return http2Client(share, tally, started)
  return httpClient(kind, share, tally, started)
}

function sendMessage(message: Message, then?: () => void): void {
  process.send?.(message, undefined, undefined, then)
}

const startedAt = now()
process.on('message', () => end('stop'))
process.on('disconnect', () => process.exit())
const limit = setTimeout(() => end('time'), plan.maxSeconds * 1000)
const tallies = kinds.map(kind => ({ kind, tally: new Tally() }))
const starts: Promise<void>[] = []
const clients: Promise<void>[] = []
for (const { kind, tally } of tallies) {
  for (let index = 1; index <= plan.clients[kind]; index += 1) {
    starts.push(
      new Promise(started => {
        clients.push(start(kind, index, tally, started))
      }),
    )
  }
}
await Promise.all(starts)
sendMessage({ type: 'ready' })
await Promise.all(clients)
clearTimeout(limit)
const reports = tallies.map(({ kind, tally }) => ({ kind, ...tally.report() }))
const sum = (field: 'sent' | 'ok' | 'failed'): number => reports.reduce((total, report) => total + report[field], 0)
sendMessage(
  {
    type: 'report',
    report: {
      startedAt,
      endedAt: now(),
      endedBy,
      sent: sum('sent'),
      ok: sum('ok'),
      failed: sum('failed'),
      kinds: Object.fromEntries(reports.map(({ kind, ...report }) => [kind, report])) as RawReport['kinds'],
      drops,
    },
  },
  () => process.disconnect(),
)
