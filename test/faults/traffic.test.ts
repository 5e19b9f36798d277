/** Requests and WebSockets in flight during a switch and while the old slot is retired. */
import { get } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Kind, type Report, startLoad } from '../../dev/load.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { assertCleanAfter, deployNext, dotenv, faultSite, liveState, next } from '../support/invariant.ts'

/** The results of the commands that the row has run so far. */
let commands: Ended[] = []
beforeEach(() => {
  commands = []
})
const succeeded = (ended: Ended): Ended => {
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
  commands.push(ended)
  return ended
}
/** Retires the slot that is not live. */
const retire = async (site: Site, ...args: string[]) => succeeded(await site.taskWith(await next(), 'retire', ...args))
const promote = async (site: Site, slot: string) => succeeded(await site.taskWith(await next(), 'promote', slot))
const only = (kinds: Partial<Record<Kind, number>>) => ({
  ...{ keepAlive: 0, idle: 0, post: 0, fresh: 0, slow: 0, socket: 0 },
  ...kinds,
})
const reasons = (report: Report) =>
  Object.entries(report.kinds).flatMap(([kind, seen]) =>
    Object.entries(seen.reasons).map(([why, n]) => `${kind}: ${n} ${why}`),
  )
const other = (slot: string) => (slot === 'blue' ? 'green' : 'blue')

describe('nginx without a reload', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite()
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  afterEach(() => assertCleanAfter(site, ...commands))

  /** Switches the traffic and retires the old slot. Requests of 40 s are in flight all the time, also if both commands are slow. */
  async function retireUnderLoad(...args: string[]): Promise<{ report: Report; retired: Ended }> {
    const { slot } = await liveState(site)
    const load = await startLoad({
      url: site.url,
      clients: only({ keepAlive: 2, slow: 6 }),
      paths: { slow: '/slow?ms=40000' },
      timeoutMs: 60_000,
    })
    await promote(site, other(slot))
    const retired = await retire(site, ...args)
    return { report: await load.stop(), retired }
  }

  it('F40 loses requests when task and application do not drain (control)', async () => {
    await dotenv(site, 'LIFE_DRAIN_MS=0\n')
    succeeded(await deployNext(site, {}, '--promote'))
    await dotenv(site)
    const { report, retired } = await retireUnderLoad('--drain', '0s')
    process.stdout.write(
      `F40 without a drain: ${report.failed} of ${report.sent} requests failed: ${reasons(report)}\n`,
    )
    expect(report.kinds.slow.failed).toBeGreaterThan(0)
    expect(retired.stdout).toMatch(/\d+ connections? w(?:as|ere) cut/)
  })

  it('F40 loses no request of the same load with a drain', async () => {
    await dotenv(site, 'LIFE_DRAIN_MS=0\n')
    succeeded(await deployNext(site, {}, '--promote'))
    await dotenv(site)
    const { report, retired } = await retireUnderLoad('--drain', '60s')
    expect(reasons(report)).toEqual([])
    expect(report.kinds.slow.ok).toBeGreaterThan(0)
    expect(retired.stdout).not.toContain('cut')
  })

  /** Sends one request of 30 s. Resolves once it is in flight; `ended` resolves to its result. */
  async function longRequest(): Promise<{ ended: Promise<string> }> {
    const { slot } = await liveState(site)
    const port = slot === 'blue' ? 4000 : 5000
    const established = async () =>
      Number((await site.host.exec(`ss -Htn state established "sport = :${port}" | wc -l`)).stdout)
    const before = await established()
    const ended = new Promise<string>(resolve => {
      get(`${site.url}/slow?ms=30000`, answer => {
        let body = ''
        answer.setEncoding('utf8').on('data', text => {
          body += text
        })
        answer.on('end', () => resolve(`${answer.statusCode} ${answer.headers['life-slot']} ${body.trim()}`))
        answer.on('error', error => resolve(error.message))
      }).on('error', error => resolve(error.message))
    })
    await expect.poll(established).toBeGreaterThan(before)
    return { ended }
  }

  it('F41 completes a request of 30 s on the slot that it began on', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    const { ended } = await longRequest()
    await promote(site, other(slot))
    await retire(site, '--drain', '60s')
    expect(await ended).toBe(`200 ${slot} waited 30000 ms`)
  })

  it('F41 cuts a request that is longer than the drain, and reports it', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    const { ended } = await longRequest()
    await promote(site, other(slot))
    const { stdout } = await retire(site, '--drain', '2s')
    expect(stdout).toMatch(new RegExp(`${slot} did not end by itself and was killed, 1 connection was cut`))
    expect(await ended).not.toMatch(/^200/)
  })

  it('F42 loses no POST of 64 KiB over keep-alive in six promotes', async () => {
    succeeded(await deployNext(site))
    const load = await startLoad({ url: site.url, clients: only({ post: 8 }), pauseMs: { post: 0 } })
    for (let i = 0; i < 6; i += 1) await promote(site, other((await liveState(site)).slot))
    const report = await load.stop()
    process.stdout.write(`F42 without a reload: ${report.failed} of ${report.sent} POSTs failed, 6 promotes\n`)
    expect(reasons(report)).toEqual([])
    expect(report.kinds.post.ok).toBeGreaterThan(500)
  })

  it('F43 cuts none of 200 WebSockets at a switch; retiring closes them through the application, and all reconnect', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    await using visitors = await visit(site, 200)
    await promote(site, other(slot))
    expect(visitors.closes).toEqual([])
    expect(await visitors.on(slot)).toBe(200)
    const { stdout } = await retire(site, '--drain', '1s')
    expect(stdout).toMatch(/200 connections were cut: the application closed them/)
    await expect.poll(visitors.open).toBe(200)
    expect(visitors.closes).toEqual(Array(200).fill(1001))
    expect(await visitors.on(other(slot))).toBe(200)
    expect(visitors.refused).toEqual([])
  })
})

describe('nginx with a reload', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite({ router: "nginx({ site: 'life.example', mode: 'reload' })" })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  afterEach(() => assertCleanAfter(site, ...commands))

  it('F42 loses POSTs of 64 KiB over keep-alive in six promotes only to closed connections', async () => {
    succeeded(await deployNext(site))
    const load = await startLoad({ url: site.url, clients: only({ post: 8 }), pauseMs: { post: 0 } })
    for (let i = 0; i < 6; i += 1) await promote(site, other((await site.live()) || 'none'))
    const report = await load.stop()
    process.stdout.write(`F42 with a reload: ${report.failed} of ${report.sent} POSTs failed, 6 promotes\n`)
    expect(report.kinds.post.ok).toBeGreaterThan(500)
    // A reload may close a connection during a request; nothing else may fail.
    expect(Object.keys(report.kinds.post.reasons).filter(why => !/ECONNRESET|EPIPE|cut off/.test(why))).toEqual([])
  })
})

interface Visitors extends AsyncDisposable {
  /** Codes of the closes so far. */
  readonly closes: readonly number[]
  /** Error messages of visitors that could not connect. */
  readonly refused: readonly string[]
  readonly open: () => number
  /** Number of connections to a slot, counted by the kernel of its host. */
  on(slot: string): Promise<number>
}

/** Opens this many WebSockets. A socket that is closed is opened again, as by the page of a browser, without a retry if that fails. */
async function visit(site: Site, count: number): Promise<Visitors> {
  const closes: number[] = []
  const refused: string[] = []
  const sockets = new Set<WebSocket>()
  let leaving = false
  const connect = () => {
    const socket = new WebSocket(`${site.url.replace('http', 'ws')}/ws`)
    socket.on('open', () => sockets.add(socket))
    socket.on('error', error => refused.push(error.message))
    socket.on('close', code => {
      if (!sockets.delete(socket) || leaving) return
      closes.push(code)
      connect()
    })
  }
  for (let i = 0; i < count; i += 1) connect()
  await expect.poll(() => sockets.size).toBe(count)
  return {
    closes,
    refused,
    open: () => sockets.size,
    async on(slot) {
      const port = slot === 'blue' ? 4000 : 5000
      return Number((await site.host.exec(`ss -Htn state established "sport = :${port}" | wc -l`)).stdout)
    },
    async [Symbol.asyncDispose]() {
      leaving = true
      for (const socket of sockets) socket.terminate()
    },
  }
}
