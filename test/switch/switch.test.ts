/**
 * How many requests a switch loses: hundreds of switches under load that never retries, and controls that have to lose some,
 * or the load would not detect a loss. It prints its figures as one table; docs/reliability.md explains them.
 *
 *     npm run test:switch
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, release } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LoadOptions, type Report, startLoad } from '../../dev/load.ts'
import type { Site } from '../../dev/site.ts'
import { caddy } from '../../plugins/router/caddy/caddy.ts'
import { haproxy } from '../../plugins/router/haproxy/haproxy.ts'
import { nginx } from '../../plugins/router/nginx/nginx.ts'
import type { Slot } from '../../slots/contracts.ts'
import { onCaddy } from '../support/caddy.ts'
import { onHaproxy } from '../support/haproxy.ts'
import { type Figures, figures, medianText, type Round, TITLES, table } from './figures.ts'
import { deathNoticedAfter, lockFreeAfter } from './guards.ts'
import { now, openPromoter, type Promoter, type Switch } from './promoter.ts'
import { addTls, startedSite } from './site.ts'

/** Switches of each router that must not lose anything. */
const SWITCHES = Number(process.env.SWITCHES ?? 250)
const REQUESTS = SWITCHES * 800
const SOCKETS = 50
/** Switches in one load, which each WebSocket has to survive. */
const ROUND = Math.min(50, SWITCHES)
const BY_COMMAND = 10
const CONTROL = 30
const CLIENTS = { keepAlive: 8, idle: 4, post: 3, fresh: 3, slow: 4, http2: 4, socket: SOCKETS }
const PAUSE = { keepAlive: 1, post: 5, fresh: 5, http2: 1 }
/** Milliseconds of drain, enough for requests in flight, but not for WebSockets. */
const DRAIN = 3_000
const RESULTS = fileURLToPath(new URL('../../test-results/', import.meta.url))

const columns: Figures[] = []
const lines: string[] = []
const versions: string[] = []

const load = (site: Site, http2Url: string | undefined): LoadOptions => ({
  url: site.url,
  ...(http2Url !== undefined && { http2Url }),
  clients: { ...CLIENTS, http2: http2Url === undefined ? 0 : CLIENTS.http2 },
  pauseMs: PAUSE,
  headers: ['life-slot'],
  maxSeconds: 600,
  maxRequests: 1_000_000,
})

/** Runs `work` under load, which starts half a second before and ends two seconds after it. */
async function under(options: LoadOptions, work: () => Promise<readonly Switch[]>): Promise<Round> {
  await using running = await startLoad(options)
  await sleep(500)
  const switches = await work()
  // Long enough for every request in flight, and for one more request on each idle connection.
  await sleep(2_000)
  const report: Report = await running.stop()
  expect(report.endedBy).toBe('stop')
  return { report, switches, sockets: options.clients?.socket ?? 0 }
}

async function times(n: number, promote: () => Promise<Switch>): Promise<Switch[]> {
  const switches: Switch[] = []
  while (switches.length < n) switches.push(await promote())
  return switches
}

/** A promote that ends the old slot right after the switch, and starts it again for the next promote. */
async function withoutDrain(promoter: Promoter, end: (old: Slot) => Promise<void>): Promise<Switch> {
  const ended: Slot[] = []
  const switched = await promoter.promote(async old => {
    ended.push(old)
    await end(old)
  })
  for (const slot of ended) await promoter.start(slot)
  return switched
}

function record(name: string, rounds: readonly Round[]): Figures {
  const column = figures(name, rounds)
  columns.push(column)
  const reasons = Object.entries(column.reasons).map(([why, n]) => `${n} ${why}`)
  print(`${name}: ${column.failed} of ${column.requests} failed in ${column.switches} switches. ${reasons.join(', ')}`)
  return column
}

const print = (text: string) => process.stdout.write(`${text}\n`)

/** Switches under load until there were enough switches and enough requests. */
async function manySwitches(promoter: Promoter, options: LoadOptions): Promise<readonly Round[]> {
  const rounds: Round[] = []
  const enough = () => {
    const { switches, requests } = figures('', rounds)
    return switches >= SWITCHES && requests >= REQUESTS
  }
  while (!enough()) rounds.push(await under(options, () => times(ROUND, () => promoter.promote())))
  return rounds
}

/** A router that reloads nothing must never lose a request or a WebSocket. */
function expectNothingLost({ reasons, socketsEnded, switches, firstNew }: Figures): void {
  expect(reasons).toEqual({})
  expect(socketsEnded).toEqual({})
  // The load has seen the switches. On a busy machine a slot may lose the traffic again before the load has had an answer from it.
  expect(firstNew.length).toBeGreaterThan(switches * 0.95)
}

afterAll(async () => {
  const text = [...versions, '', table(columns), '', ...lines, ''].join('\n')
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}switch.md`, text)
  await writeFile(`${RESULTS}switch.json`, `${JSON.stringify({ versions, columns, lines }, undefined, 2)}\n`)
  print(`\n${text}\nWritten to test-results/switch.md and switch.json`)
})

describe('the default router', () => {
  let site: Site
  let http2Url: string
  let promoter: Promoter

  beforeAll(async () => {
    site = await startedSite({ router: "nginx({ site: 'life.example' })" })
    http2Url = await addTls(site)
    promoter = await openPromoter(site.host, nginx({ site: 'life.example' }))
    const { stderr } = await site.host.exec('nginx -v')
    const { model = 'unknown' } = cpus()[0] ?? {}
    const shape = Object.entries(CLIENTS).map(([kind, n]) => `${n} ${kind}`)
    versions.push(
      `${stderr.trim().replace('nginx version: ', '')}, Node ${process.version}, Linux ${release().split('-')[0]}, ${availableParallelism()} cores (${model.trim()}); application, nginx and load on this one machine.`,
      `Load: ${shape.join(', ')} clients, each with one request at a time; nothing is sent twice.`,
    )
  })
  afterAll(async () => {
    await promoter?.[Symbol.asyncDispose]()
    await site?.[Symbol.asyncDispose]()
  })

  it('loses no request and no WebSocket without a switch (control)', async () => {
    const round = await under(load(site, http2Url), async () => {
      await sleep(15_000)
      return []
    })
    const { reasons, socketsEnded, requests } = record('no switch', [round])
    expect(reasons).toEqual({})
    expect(socketsEnded).toEqual({})
    expect(requests).toBeGreaterThan(1_000)
  })

  it(`loses no request of ${REQUESTS} and no WebSocket in ${SWITCHES} switches`, async () => {
    expectNothingLost(record('link (default)', await manySwitches(promoter, load(site, http2Url))))
  })

  it(`loses no request and no WebSocket in ${BY_COMMAND} switches by \`task promote\``, async () => {
    const command: number[] = []
    const round = await under(load(site, http2Url), () =>
      times(BY_COMMAND, async () => {
        const to = (await site.live()) === 'blue' ? 'green' : 'blue'
        const sentAt = now()
        const { code, stdout, stderr } = await site.task('promote', to)
        expect(stdout + stderr).toSatisfy(() => code === 0)
        const returnedAt = now()
        command.push(returnedAt - sentAt)
        return { to, sentAt, returnedAt }
      }),
    )
    expectNothingLost(record('link, `task promote`', [round]))
    lines.push(`- One \`task promote\`, from start to exit: ${medianText(command)}.`)
  })

  it('loses no request when the old slot is retired, and the application closes its WebSockets', async () => {
    let ended: Awaited<ReturnType<Promoter['retire']>> | undefined
    const round = await under(load(site, http2Url), async () => {
      const switched = await promoter.promote()
      ended = await promoter.retire(DRAIN)
      return [switched]
    })
    const { failed, socketsEnded, requests } = record('link, then the old slot retired', [round])
    expect(failed).toBe(0)
    expect(socketsEnded).toEqual({ 1001: SOCKETS })
    lines.push(
      `- Old slot retired after a drain of ${DRAIN / 1000} s: ${failed} of ${requests} requests lost; ${ended?.cut} connections were left, all ${SOCKETS} WebSockets closed by the application with 1001.`,
    )
    if (ended) await promoter.start(ended.slot)
  })

  it('loses requests and WebSockets when the old slot is killed instead of drained (control)', async () => {
    const round = await under(load(site, http2Url), () =>
      times(3, () =>
        withoutDrain(promoter, async old => {
          await site.host.exec(`systemctl kill --signal=KILL --kill-whom=all life@${old.name}`)
          await promoter.stop(old)
        }),
      ),
    )
    const { failed, socketsEnded } = record('link, drain of zero: old slot killed', [round])
    expect(failed).toBeGreaterThan(0)
    expect(socketsEnded[1006]).toBeGreaterThan(0)
  })

  it('is guarded by a lock that a dead holder frees, and by a connection whose death is noticed', async () => {
    const killed = await lockFreeAfter(site, 'SIGKILL')
    const frozen = await lockFreeAfter(site, 'SIGSTOP')
    const noticed = await deathNoticedAfter(site)
    lines.push(
      `- Lock free ${killed.toFixed(0)} ms after its holder was killed, ${(frozen / 1000).toFixed(1)} s after it was frozen.`,
      `- A connection whose other end froze was noticed after ${(noticed / 1000).toFixed(1)} s.`,
    )
    expect(killed).toBeLessThan(5_000)
    expect(frozen).toBeLessThan(20_000)
    expect(noticed).toBeLessThan(25_000)
  })
})

describe('HAProxy', () => {
  let site: Site
  let promoter: Promoter

  beforeAll(async () => {
    site = await startedSite(onHaproxy)
    promoter = await openPromoter(site.host, haproxy({ site: '127.0.0.1' }))
    versions.push((await site.host.exec('haproxy -v | head -n 1')).stdout.trim())
  })
  afterAll(async () => {
    await promoter?.[Symbol.asyncDispose]()
    await site?.[Symbol.asyncDispose]()
  })

  it(`loses no request of ${REQUESTS} and no WebSocket in ${SWITCHES} switches`, async () => {
    expectNothingLost(record('HAProxy', await manySwitches(promoter, load(site, undefined))))
  })

  it('loses requests when it is restarted instead (control)', async () => {
    const round = await under(load(site, undefined), async () => {
      await site.host.exec('systemctl restart haproxy; sleep 2; systemctl restart haproxy')
      return []
    })
    expect(record('HAProxy, two restarts', [round]).failed).toBeGreaterThan(0)
  })
})

/** Caddy 2.6 itself cuts off some large uploads, so those of the column without a switch say how many to expect in the other. */
describe('Caddy', () => {
  let site: Site
  let promoter: Promoter

  beforeAll(async () => {
    site = await startedSite(onCaddy)
    promoter = await openPromoter(site.host, caddy({ site: '127.0.0.1', url: 'http://127.0.0.1' }))
    versions.push(`Caddy ${(await site.host.exec('caddy version')).stdout.trim()}`)
  })
  afterAll(async () => {
    await promoter?.[Symbol.asyncDispose]()
    await site?.[Symbol.asyncDispose]()
  })
  const exceptUploads = ({ reasons }: Figures) =>
    Object.keys(reasons).filter(reason => !reason.startsWith(`${TITLES.post}: `))

  it('cuts nothing but large uploads without a switch (control)', async () => {
    const round = await under(load(site, undefined), async () => {
      await sleep(60_000)
      return []
    })
    const column = record('Caddy, no switch', [round])
    expect(exceptUploads(column)).toEqual([])
    expect(column.kinds.post.sent).toBeGreaterThan(1_000)
  })

  it(`loses nothing but large uploads, and no WebSocket, in ${SWITCHES} switches`, async () => {
    const column = record('Caddy', await manySwitches(promoter, load(site, undefined)))
    expect(exceptUploads(column)).toEqual([])
    expect(column.socketsEnded).toEqual({})
    expect(column.firstNew).toHaveLength(column.switches)
  })

  it('loses requests when it is restarted instead (control)', async () => {
    const round = await under(load(site, undefined), async () => {
      await site.host.exec('systemctl restart caddy; sleep 2; systemctl restart caddy')
      return []
    })
    expect(record('Caddy, two restarts', [round]).failed).toBeGreaterThan(0)
  })
})

describe('a router that reloads (control)', () => {
  let site: Site
  let promoter: Promoter

  beforeAll(async () => {
    site = await startedSite({ router: "nginx({ site: 'life.example', mode: 'reload' })" })
    promoter = await openPromoter(site.host, nginx({ site: 'life.example', mode: 'reload' }))
  })
  afterAll(async () => {
    await promoter?.[Symbol.asyncDispose]()
    await site?.[Symbol.asyncDispose]()
  })

  it(`loses requests within ${CONTROL} switches, and no WebSocket`, async () => {
    const round = await under(load(site, undefined), () => times(CONTROL, () => promoter.promote()))
    const { failed, socketsEnded } = record('reload', [round])
    expect(failed).toBeGreaterThan(0)
    expect(socketsEnded).toEqual({})
  })

  it('loses requests when the old slot is stopped at once', async () => {
    const round = await under(load(site, undefined), () =>
      times(4, () => withoutDrain(promoter, old => promoter.stop(old))),
    )
    expect(record('reload, drain of zero: old slot stopped', [round]).failed).toBeGreaterThan(0)
  })
})
