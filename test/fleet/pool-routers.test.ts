/** Three hosts behind HAProxy, and behind Caddy, on a fourth: one switch of the balancer, and hosts of the pool that are lost. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installCaddy } from '../support/caddy.ts'
import { installHaproxy } from '../support/haproxy.ts'
import { dieWhileAsked, vanishWhileAsked } from '../support/pool-faults.ts'
import { otherOf, type Pool, startPool, sumOf, switchUnderLoad, timeOf } from '../support/shop.ts'

const run = promisify(execFile)
const NAMES = ['web-1', 'web-2', 'web-3'] as const
const SWITCHES = Number(process.env.SWITCHES ?? 20)

describe.each([
  ['haproxy', installHaproxy, '/etc/haproxy/switchyard/shop.cfg', 'systemctl reload haproxy'],
  ['caddy', installCaddy, '/etc/caddy/switchyard/shop.caddy', 'systemctl reload caddy'],
] as const)('a pool behind %s', (router, install, file, reload) => {
  let pool: Pool
  beforeAll(async () => {
    pool = await startPool(NAMES, router)
    await install(pool.balancer)
  })
  afterAll(async () => {
    await pool?.[Symbol.asyncDispose]()
  })
  /** Load while `work` goes on. */
  const failedDuring = async (work: () => Promise<unknown>) => {
    const running = await pool.load()
    await work()
    const { failed, sent } = await sumOf(running)
    expect(sent).toBeGreaterThan(20)
    return `${failed} failed`
  }

  it('is set up on the balancer, and a deploy and its promote make all hosts answer', async () => {
    await pool.done('setup')
    expect(await pool.run(pool.balancer, `grep -cE '10\\.|172\\.|192\\.' ${file}`)).toMatch(/^[1-9]/)
    expect(await pool.done('setup')).toContain('0 folders and 0 files changed')
    await pool.done('deploy', '--promote')
    expect(await pool.serving()).toEqual(['blue'])
    expect(await pool.answering()).toHaveLength(3)
    expect(await pool.done('status')).toMatch(/All 3 hosts serve blue, 1\.0\.0-/)
    await pool.done('doctor')
  })

  it('a deploy with its promote, and a switch right after a slot was started, lose no request', async () => {
    await pool.version('1.1.0')
    expect(await failedDuring(() => pool.done('deploy', '--promote'))).toBe('0 failed')
    expect(await pool.versions()).toEqual(['1.1.0'])
  })

  it(
    `${SWITCHES} switches lose no request`,
    async () => {
      const { failed, sent } = await switchUnderLoad(pool, SWITCHES)
      process.stdout.write(`${SWITCHES} switches of a pool behind ${router}: ${failed} of ${sent} requests failed\n`)
      expect(failed).toBe(0)
    },
    timeOf(SWITCHES),
  )

  it('a reload of the router loses no request', async () => {
    const work = async () => {
      await pool.run(pool.balancer, reload)
      await pool.answering()
    }
    expect(await failedDuring(work)).toBe('0 failed')
  })

  it('has a canary, whose requests go to all hosts too', async () => {
    const [live] = await pool.serving()
    const idle = otherOf(live)
    const at = (number: string) =>
      pool.run(
        pool.balancer,
        `for i in 1 2 3 4 5 6; do curl -s -i -H 'Host: shop.example' -H 'Cookie: switchyard_canary=${number}' http://127.0.0.1/health; echo; done`,
      )
    await pool.done('promote', idle, '--percent', '20')
    const [canary, others] = [await at('000'), await at('fff')]
    expect(canary.match(/"version":"1\.0\.0"/g)).toHaveLength(6)
    expect(others.match(/"version":"1\.1\.0"/g)).toHaveLength(6)
    for (const text of [canary, others]) expect(new Set(text.match(/x-answered-by: \S+/gi)).size).toBe(3)
    await pool.done('promote', live ?? '')
    expect(await at('000')).not.toContain('1.0.0')
  })

  it('a host whose application stops loses no request, and gets requests again when it is back', async () => {
    const stopped = async () => {
      await pool.run(pool.host(1), 'systemctl stop "shop@*.service"')
      await expect.poll(() => pool.answering()).not.toContain(await pool.host(1).address())
      await pool.run(pool.host(1), 'systemctl start shop@blue.service shop@green.service')
      await expect.poll(() => pool.answering()).toHaveLength(3)
    }
    expect(await failedDuring(stopped)).toBe('0 failed')
  })

  it('requests that an application has not answered when it dies are answered by another host, if they only read', async () => {
    const { gets, posts } = await dieWhileAsked(pool, 1)
    expect(gets).toEqual(gets.map(() => '200'))
    expect(posts).toContain('502')
  })

  const leave = (i: number) => run('docker', ['network', 'disconnect', '--force', 'bridge', pool.host(i).id])

  // nginx and Caddy do not learn of it in time: their hosts are not asked whether they live.
  if (router === 'haproxy')
    it('so are requests to a host that is gone from the network', async () => {
      const { gets, posts } = await vanishWhileAsked(pool, 2, () => leave(2))
      expect(gets).toEqual(gets.map(() => '200'))
      expect(posts).toContain('502')
    })

  it('a host that is gone from the network loses no request but those that wait for its answer in that moment', async () => {
    const running = await pool.load()
    await leave(1)
    const gone = Date.now()
    // Several times as long as a router takes to look at it again.
    for (let i = 0; i < 3; i++) expect(await pool.answering()).not.toContain(await pool.host(1).address())
    const reports = await Promise.all(running.map(load => load.stop()))
    const failures = reports.flatMap(({ kinds }) => Object.values(kinds).flatMap(kind => kind.failures))
    const waiting = failures.filter(({ sentAt }) => sentAt <= gone)
    process.stdout.write(`${router}: ${waiting.length} requests waited for the host when it was gone\n`)
    expect(failures.filter(failure => !waiting.includes(failure))).toEqual([])
    // Each client has one request on its way at a time.
    expect(waiting.length).toBeLessThanOrEqual(2)
    expect(await pool.serving()).toHaveLength(1)
  })
})
