/** What is in flight while the traffic moves and while the old slot is retired. */
import { get } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Kind, type Report, startLoad } from '../../dev/load.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { assertCleanAfter, deployNext, dotenv, faultSite, liveState, next } from '../support/invariant.ts'

/** The commands of this row so far. */
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
const retire = async (site: Site, ...words: string[]) =>
  succeeded(await site.taskWith(await next(), 'retire', ...words))
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

describe('the router that does not reload', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite()
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  afterEach(() => assertCleanAfter(site, ...commands))

  /** Requests of 40 s are always in flight while the traffic leaves a slot and that slot is retired, also where both commands take their time. */
  async function retireUnderLoad(...words: string[]): Promise<{ report: Report; retired: Ended }> {
    const { slot } = await liveState(site)
    const load = await startLoad({
      url: site.url,
      clients: only({ keepAlive: 2, slow: 6 }),
      paths: { slow: '/slow?ms=40000' },
      timeoutMs: 60_000,
    })
    await promote(site, other(slot))
    const retired = await retire(site, ...words)
    return { report: await load.stop(), retired }
  }

  it('F40 control: with the drains of task and application off, requests are lost', async () => {
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

  it('F40 with the drain, the same load loses nothing', async () => {
    await dotenv(site, 'LIFE_DRAIN_MS=0\n')
    succeeded(await deployNext(site, {}, '--promote'))
    await dotenv(site)
    const { report, retired } = await retireUnderLoad('--drain', '60s')
    expect(reasons(report)).toEqual([])
    expect(report.kinds.slow.ok).toBeGreaterThan(0)
    expect(retired.stdout).not.toContain('cut')
  })

  /** One request that stays; resolves when the site has taken it, to how it will have ended. */
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
    await expect.poll(established, { timeout: 10_000 }).toBeGreaterThan(before)
    return { ended }
  }

  it('F41 a request of 30 s in flight: it completes on the slot that it began on', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    const { ended } = await longRequest()
    await promote(site, other(slot))
    await retire(site, '--drain', '60s')
    expect(await ended).toBe(`200 ${slot} waited 30000 ms`)
  })

  it('F41 a request that is longer than the drain: the cut is reported', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    const { ended } = await longRequest()
    await promote(site, other(slot))
    const { stdout } = await retire(site, '--drain', '2s')
    expect(stdout).toMatch(new RegExp(`${slot} did not end by itself and was killed, 1 connection was cut`))
    expect(await ended).not.toMatch(/^200/)
  })

  it('F42 POST storm over keep-alive, 64 KiB bodies: nothing is lost over six promotes', async () => {
    succeeded(await deployNext(site))
    const load = await startLoad({ url: site.url, clients: only({ post: 8 }), pauseMs: { post: 0 } })
    for (let i = 0; i < 6; i += 1) await promote(site, other((await liveState(site)).slot))
    const report = await load.stop()
    process.stdout.write(`F42 without a reload: ${report.failed} of ${report.sent} POSTs failed, 6 promotes\n`)
    expect(reasons(report)).toEqual([])
    expect(report.kinds.post.ok).toBeGreaterThan(500)
  })

  it('F43 200 WebSockets: none is cut at the switch; at retirement the application closes them, and all come back', async () => {
    succeeded(await deployNext(site))
    const { slot } = await liveState(site)
    await using visitors = await visit(site, 200)
    await promote(site, other(slot))
    expect(visitors.closes).toEqual([])
    expect(await visitors.on(slot)).toBe(200)
    const { stdout } = await retire(site, '--drain', '1s')
    expect(stdout).toMatch(/200 connections were cut: the application closed them/)
    await expect.poll(visitors.open, { timeout: 20_000 }).toBe(200)
    expect(visitors.closes).toEqual(Array(200).fill(1001))
    expect(await visitors.on(other(slot))).toBe(200)
    expect(visitors.refused).toEqual([])
  })
})

describe('the router that reloads', () => {
  let site: Site
  beforeAll(async () => {
    site = await faultSite({ router: "nginx({ site: 'life.example', mode: 'reload' })" })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })
  afterEach(() => assertCleanAfter(site, ...commands))

  it('F42 POST storm over keep-alive, 64 KiB bodies: the figure of six reloads is told', async () => {
    succeeded(await deployNext(site))
    const load = await startLoad({ url: site.url, clients: only({ post: 8 }), pauseMs: { post: 0 } })
    for (let i = 0; i < 6; i += 1) await promote(site, other((await site.live()) || 'none'))
    const report = await load.stop()
    process.stdout.write(`F42 with a reload: ${report.failed} of ${report.sent} POSTs failed, 6 promotes\n`)
    expect(report.kinds.post.ok).toBeGreaterThan(500)
    // What a reload costs is a connection that was closed under a request, and nothing else.
    expect(Object.keys(report.kinds.post.reasons).filter(why => !/ECONNRESET|EPIPE|cut off/.test(why))).toEqual([])
  })
})

interface Visitors extends AsyncDisposable {
  /** Codes of the closes so far. */
  readonly closes: readonly number[]
  /** Visitors that could not come back. */
  readonly refused: readonly string[]
  readonly open: () => number
  /** WebSockets that a slot holds, by the kernel's count on its host. */
  on(slot: string): Promise<number>
}

/** Visitors with a WebSocket each. Who is closed comes back once, as a browser's page does, and does not try again. */
async function visit(site: Site, count: number): Promise<Visitors> {
  const closes: number[] = []
  const refused: string[] = []
  const sockets = new Set<WebSocket>()
  let leaving = false
  const come = () => {
    const socket = new WebSocket(`${site.url.replace('http', 'ws')}/ws`)
    socket.on('open', () => sockets.add(socket))
    socket.on('error', error => refused.push(error.message))
    socket.on('close', code => {
      if (!sockets.delete(socket) || leaving) return
      closes.push(code)
      come()
    })
  }
  for (let i = 0; i < count; i += 1) come()
  await expect.poll(() => sockets.size, { timeout: 20_000 }).toBe(count)
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
