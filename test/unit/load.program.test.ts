import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { type Kind, type LoadOptions, type Report, startLoad } from '../../dev/load.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const none: Record<Kind, number> = { keepAlive: 0, idle: 0, post: 0, fresh: 0, slow: 0, http2: 0, socket: 0 }

/** A server like the sample application: `/echo`, `/slow?ms=`, WebSockets, and a page that names the slot. */
let server: Server
let sockets: WebSocketServer
let url: string
let slot: string
let connections: number
/** Runs before the normal response; returns true if it has responded itself. */
/** How many requests of each kind have come, by what the server can tell apart. */
let requests: { root: number; echo: number; slow: number; messages: number }
let fault: (...args: Parameters<Handler>) => boolean

beforeEach(async () => {
  slot = 'blue'
  connections = 0
  requests = { root: 0, echo: 0, slow: 0, messages: 0 }
  fault = () => false
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://any')
    if (pathname === '/echo') requests.echo += 1
    else if (pathname === '/slow') requests.slow += 1
    else requests.root += 1
    if (fault(request, response)) return
    response.setHeader('life-slot', slot)
    if (pathname === '/echo') request.pipe(response)
    else if (pathname === '/slow') setTimeout(() => response.end('slow'), Number(searchParams.get('ms')))
    else response.end(JSON.stringify({ slot }))
  })
  server.on('connection', () => {
    connections += 1
  })
  server.on('clientError', () => undefined)
  sockets = new WebSocketServer({ server })
  sockets.on('connection', socket =>
    socket.on('message', (data, isBinary) => {
      requests.messages += 1
      socket.send(data, { binary: isBinary })
    }),
  )
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate()
  server.closeAllConnections()
  await new Promise(done => server.close(done))
})

/** An HTTP/2 server that calls `answer` for each stream, with its number and its `:authority`, and then ends it. */
async function http2Server(answer: (stream: ServerHttp2Stream, nth: number, authority: string) => void) {
  let streams = 0
  const made = createHttp2Server()
  made.on('stream', (stream, headers) => {
    streams += 1
    stream.on('error', () => undefined)
    answer(stream, streams, headers[':authority'] ?? '')
    stream.end('done')
  })
  await new Promise<void>(done => made.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(made.address() as AddressInfo).port}`,
    streams: () => streams,
    [Symbol.asyncDispose]: () => new Promise<void>(done => made.close(() => done())),
  }
}

/** Load until it is enough, however long a busy machine takes for that. */
async function loadUntil(enough: () => boolean, options: Omit<LoadOptions, 'url'>): Promise<Report> {
  await using load = await startLoad({ url, ...options })
  await expect.poll(enough, { timeout: 120_000 }).toBe(true)
  return load.stop()
}

describe('the load on a healthy application', () => {
  it('is of every kind, without failures', async () => {
    await using http2 = await http2Server(stream => stream.respond({ ':status': 200, 'life-slot': slot }))
    const enough = () => Math.min(...Object.values(requests), http2.streams()) > 12 && requests.root > 300
    const report = await loadUntil(enough, {
      http2Url: http2.url,
      pauseMs: { idle: 100, socket: 50 },
      paths: { slow: '/slow?ms=300' },
    })
    expect(report).toMatchObject({ failed: 0, drops: [], endedBy: 'stop' })
    for (const [kind, { sent, ok, latencyMs, reasons }] of Object.entries(report.kinds)) {
      expect.soft({ kind, enough: sent > 3, ok, reasons }).toEqual({ kind, enough: true, ok: sent, reasons: {} })
      expect.soft(latencyMs.p50).toBeGreaterThan(0)
      expect.soft(latencyMs.max).toBeGreaterThanOrEqual(latencyMs.p99)
    }
    expect(report.kinds.slow.latencyMs.p50).toBeGreaterThanOrEqual(299)
    expect(report.sent).toBe(report.ok)
  })

  it('reuses one connection per client, except for the clients with fresh connections', async () => {
    await loadUntil(() => requests.root > 10 && requests.echo > 10, { clients: { ...none, keepAlive: 2, post: 1 } })
    expect(connections).toBe(3)
    connections = 0
    const fresh = await loadUntil(() => connections > 10, { clients: { ...none, fresh: 1 } })
    expect(connections).toBe(fresh.sent)
  })

  it('has the Host header of its URL, or that of its site, in requests of every kind', async () => {
    const seen = new Set<unknown>()
    server.on('request', request => seen.add(request.headers.host))
    server.on('upgrade', request => seen.add(request.headers.host))
    await using http2 = await http2Server((stream, _, authority) => {
      seen.add(authority)
      stream.respond({ ':status': 200 })
    })
    const clients = { ...none, keepAlive: 1, post: 1, fresh: 1, slow: 1, http2: 1, socket: 1 }
    const options = { clients, http2Url: http2.url, paths: { slow: '/slow?ms=50' } }
    const all = () => Math.min(...Object.values(requests), http2.streams()) > 0
    expect(await loadUntil(all, options)).toMatchObject({ failed: 0 })
    expect(seen).toEqual(new Set([new URL(url).host, new URL(http2.url).host]))
    seen.clear()
    const before = { root: requests.root, streams: http2.streams() }
    const again = () => requests.root > before.root + 5 && http2.streams() > before.streams + 5
    expect(await loadUntil(again, { ...options, host: 'notes.example' })).toMatchObject({ failed: 0 })
    expect(seen).toEqual(new Set(['notes.example']))
  })

  it('reports which slot responded, and when the last request went to the old one', async () => {
    let switchedAt = 0
    let until = 100
    const enough = () => {
      if (requests.root < until) return false
      if (switchedAt > 0) return true
      switchedAt = Date.now()
      slot = 'green'
      until = requests.root + 100
      return false
    }
    const clients = { ...none, keepAlive: 3, fresh: 2 }
    const report = await loadUntil(enough, { clients, parse: ({ body }) => JSON.parse(body).slot })
    for (const { seen, ok } of [report.kinds.keepAlive, report.kinds.fresh]) {
      expect(seen.map(({ value }) => value)).toEqual(['blue', 'green'])
      expect(seen.reduce((sum, { count }) => sum + count, 0)).toBe(ok)
      expect(seen[0]?.lastSentAt).toBeLessThan(switchedAt + 5)
      expect(seen[1]?.firstAnsweredAt).toBeGreaterThan(switchedAt - 5)
    }
    const { root } = requests
    const byHeader = await loadUntil(() => requests.root > root + 20, { clients, headers: ['Life-Slot'] })
    expect(byHeader.kinds.fresh.seen).toMatchObject([{ value: 'green' }])
  })
})

describe('the load on a failing application', () => {
  it('counts connections closed without a response, and does not retry', async () => {
    let seen = 0
    let cutKept = 0
    const known = new WeakSet<object>()
    fault = ({ url, socket }) => {
      seen += 1
      const kept = known.has(socket)
      known.add(socket)
      if (seen % 2 === 1) return false
      if (url === '/' && kept) cutKept += 1
      socket.resetAndDestroy()
      return true
    }
    const report = await loadUntil(() => cutKept > 0 && seen > 30, {
      clients: { ...none, keepAlive: 1, fresh: 1, post: 1 },
    })
    expect(report.failed).toBe(Math.floor(seen / 2))
    expect(report.sent).toBe(seen)
    expect(report.kinds.keepAlive.reasons).toEqual({ ECONNRESET: report.kinds.keepAlive.failed })
    expect(report.kinds.keepAlive.failures[0]).toMatchObject({ reason: 'ECONNRESET', sentAt: expect.any(Number) })
  })

  it('counts an idle keep-alive connection closed by the server as a request is sent', async () => {
    // Response and end of the connection arrive together, as when a worker of nginx exits.
    fault = (request, response) => {
      request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok')
      setTimeout(() => request.socket.destroy(), 1)
      response.detachSocket(request.socket)
      return true
    }
    const clients = { ...none, keepAlive: 8 }
    const report = await loadUntil(() => requests.root > 1_000, { clients, pauseMs: { keepAlive: 1 } })
    expect(report.failed).toBeGreaterThan(0)
    expect(report.ok).toBeGreaterThan(0)
  })

  it('counts error statuses, truncated responses, uploads that are not echoed, and timeouts', async () => {
    const answers: Handler[] = [
      (_, response) => response.writeHead(502).end('bad'),
      (_, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('half')
        setTimeout(() => response.destroy(), 5)
      },
      (_, response) => response.end('something else'),
      () => undefined,
    ]
    fault = (request, response) => {
      answers[requests.echo - 1]?.(request, response)
      return true
    }
    await using load = await startLoad({ url, clients: { ...none, post: 1 }, timeoutMs: 3_000 })
    await expect.poll(() => requests.echo, { timeout: 120_000 }).toBeGreaterThanOrEqual(answers.length)
    const report = await load.stop()
    expect(report.kinds.post.failures.slice(0, answers.length).map(({ reason }) => reason)).toEqual([
      '502',
      // Depends on whether the upload had been read by then.
      expect.stringMatching(/^(?:ECONNRESET|cut off)$/),
      'not echoed',
      'timeout',
    ])
    expect(report.ok).toBe(0)
  })

  it('counts refused connections', async () => {
    const unused = createServer().listen(0, '127.0.0.1')
    await new Promise(done => unused.once('listening', done))
    const { port } = unused.address() as AddressInfo
    await new Promise(done => unused.close(done))
    await using load = await startLoad({ url: `http://127.0.0.1:${port}` })
    const report = await load.stop()
    expect(report.ok).toBe(0)
    expect(report.kinds.fresh.reasons).toEqual({ ECONNREFUSED: report.kinds.fresh.sent })
    expect(report.kinds.socket.reasons).toEqual({ 'handshake ECONNREFUSED': 20 })
  })

  it('records closed and dropped WebSockets with their codes, and does not reopen them', async () => {
    await using load = await startLoad({ url, clients: { ...none, socket: 3 }, pauseMs: { socket: 50 } })
    const [first, second] = sockets.clients
    first?.close(1001, 'going away')
    second?.terminate()
    await expect.poll(() => sockets.clients.size, { timeout: 120_000 }).toBe(1)
    const { messages } = requests
    await expect.poll(() => requests.messages, { timeout: 120_000 }).toBeGreaterThan(messages + 3)
    const report = await load.stop()
    expect(report.drops.map(({ code, reason }) => ({ code, reason })).toSorted((a, b) => a.code - b.code)).toEqual([
      { code: 1001, reason: 'going away' },
      { code: 1006, reason: '' },
    ])
    expect(connections).toBe(3)
  })
})

describe('the HTTP/2 load', () => {
  const clients = { ...none, http2: 1 }

  it('counts refused streams and error responses', async () => {
    await using http2 = await http2Server((stream, nth) => {
      if (nth === 3) stream.close(7)
      else stream.respond({ ':status': nth === 5 ? 502 : 200 })
    })
    const { kinds } = await loadUntil(() => http2.streams() > 8, { clients, http2Url: http2.url })
    expect(kinds.http2.reasons).toEqual({ NGHTTP2_REFUSED_STREAM: 1, '502': 1 })
    expect(kinds.http2.ok).toBe(kinds.http2.sent - 2)
  })

  it('continues on a new connection after GOAWAY, without failures', async () => {
    let sessions = 0
    await using http2 = await http2Server((stream, nth) => {
      stream.respond({ ':status': 200 })
      if (stream.id === 1) sessions += 1
      if (nth % 4 === 0) stream.session?.close()
    })
    const { kinds } = await loadUntil(() => http2.streams() > 8, { clients, http2Url: http2.url })
    expect(kinds.http2.reasons).toEqual({})
    expect(sessions).toBeGreaterThan(1)
  })

  it('goes to this machine only', async () => {
    await expect(startLoad({ url, http2Url: 'https://192.0.2.1/' })).rejects.toThrow(RangeError)
  })
})

describe('the load', () => {
  it('goes to this machine only', async () => {
    for (const elsewhere of [
      'http://192.0.2.1/',
      'https://192.0.2.1/',
      'ftp://127.0.0.1/',
      'http://127.0.0.1.example/',
    ]) {
      await expect(startLoad({ url: elsewhere })).rejects.toThrow(RangeError)
    }
    await expect(startLoad({ url, maxSeconds: 601 })).rejects.toThrow(RangeError)
    await expect(startLoad({ url, maxRequests: 0 })).rejects.toThrow(RangeError)
  })

  it('stops after its maximum of requests or seconds', async () => {
    await using byCount = await startLoad({ url, clients: { ...none, keepAlive: 2 }, maxRequests: 20 })
    await using byTime = await startLoad({ url, clients: { ...none, socket: 2 }, maxSeconds: 0.3 })
    await sleep(700)
    expect(await byCount.stop()).toMatchObject({ sent: 20, endedBy: 'count' })
    expect(await byTime.stop()).toMatchObject({ failed: 0, drops: [], endedBy: 'time' })
  })
})
