/**
 * How many requests a switch loses under load that never retries. The default router must lose none; a control that reloads
 * nginx must lose some, or the load would not detect a loss.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failuresIn, type LoadOptions, type Report, startLoad } from '../../dev/load.ts'
import { type Site, startSite } from '../../dev/site.ts'

const SOCKETS = 50
/** Limit of switches within which the control has to lose a request. With this load about four of five switches do. */
const CONTROL_SWITCHES = 30

async function startedSite(router: string): Promise<Site> {
  const site = await startSite({ router })
  for (const args of [['setup'], ['deploy', '--promote'], ['deploy']]) {
    const { code, stdout, stderr } = await site.task(...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
  return site
}

async function promote(site: Site, slot: string): Promise<void> {
  const { code, stdout, stderr } = await site.task('promote', slot)
  expect(stdout + stderr).toSatisfy(() => code === 0)
}

describe('the default router', () => {
  let site: Site
  beforeAll(async () => {
    site = await startedSite("nginx({ site: 'life.example' })")
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it(`loses no request and cuts none of ${SOCKETS} WebSockets over six promotes`, async () => {
    const load = await startLoad({
      url: site.url,
      // One client of fresh connections, so that its responses come in the order of its requests.
      clients: { keepAlive: 4, idle: 2, post: 2, fresh: 1, slow: 2, socket: SOCKETS },
      headers: ['life-slot'],
      maxSeconds: 120,
    })
    for (const slot of ['green', 'blue', 'green', 'blue', 'green', 'blue']) await promote(site, slot)
    const report = await load.stop()
    expect(failuresIn(report)).toEqual([])
    expect(report.drops).toEqual([])
    expect(report.endedBy).toBe('stop')
    expect(report.sent).toBeGreaterThan(1_000)
    const slots = report.kinds.fresh.seen.map(seen => seen.value)
    expect(slots).toHaveLength(7)
  })
})

describe('a router that reloads (control)', () => {
  let site: Site
  beforeAll(async () => {
    site = await startedSite("nginx({ site: 'life.example', mode: 'reload' })")
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it(`loses requests within ${CONTROL_SWITCHES} promotes under the same load`, async () => {
    const options: LoadOptions = { url: site.url, clients: { keepAlive: 16, post: 8 }, maxSeconds: 200 }
    const load = await startLoad(options)
    // The load reports its figures only at its end, so it is stopped after some switches, and started again.
    let switches = 0
    let report: Report | undefined
    let running = load
    while (switches < CONTROL_SWITCHES) {
      for (let i = 0; i < 5; i += 1, switches += 1) await promote(site, switches % 2 === 0 ? 'green' : 'blue')
      report = await running.stop()
      if (report.failed > 0) break
      running = await startLoad(options)
    }
    process.stdout.write(`control: ${report?.failed} of ${report?.sent} requests failed, after ${switches} reloads\n`)
    expect(report?.failed).toBeGreaterThan(0)
  })
})
