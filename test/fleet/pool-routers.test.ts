/** Two hosts behind HAProxy, and behind Caddy, on a third: one switch of the balancer, and a host of the pool that is lost. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installCaddy } from '../support/caddy.ts'
import { installHaproxy } from '../support/haproxy.ts'
import { type Pool, startPool, sumOf } from '../support/shop.ts'

const run = promisify(execFile)
const SWITCHES = Number(process.env.SWITCHES ?? 20)

describe.each([
  ['haproxy', installHaproxy, '/etc/haproxy/switchyard/shop.cfg', 'systemctl reload haproxy'],
  ['caddy', installCaddy, '/etc/caddy/switchyard/shop.caddy', 'systemctl reload caddy'],
] as const)('a pool behind %s', (router, install, file, reload) => {
  let pool: Pool
  beforeAll(async () => {
    pool = await startPool(['web-1', 'web-2'], router)
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

  it('is set up on the balancer, and a deploy and its promote make both hosts answer', async () => {
    await pool.done('setup')
    expect(await pool.run(pool.balancer, `grep -cE '10\\.|172\\.|192\\.' ${file}`)).toMatch(/^[1-9]/)
    expect(await pool.done('setup')).toContain('0 folders and 0 files changed')
    await pool.done('deploy', '--promote')
    expect(await pool.serving()).toEqual(['blue'])
    expect(await pool.answering()).toHaveLength(2)
    expect(await pool.done('status')).toMatch(/All 2 hosts serve blue, 1\.0\.0-/)
    await pool.done('doctor')
  })

  it('a deploy with its promote, and a switch right after a slot was started, lose no request', async () => {
    await pool.version('1.1.0')
    expect(await failedDuring(() => pool.done('deploy', '--promote'))).toBe('0 failed')
    expect(await pool.versions()).toEqual(['1.1.0'])
  })

  it(`${SWITCHES} switches and a reload of the router lose no request`, async () => {
    const work = async () => {
      for (let i = 0; i < SWITCHES; i++) await pool.done('promote', i % 2 === 0 ? 'blue' : 'green')
      await pool.run(pool.balancer, reload)
    }
    expect(await failedDuring(work)).toBe('0 failed')
  })

  it('has a canary, whose requests go to both hosts too', async () => {
    const [live] = await pool.serving()
    const idle = live === 'blue' ? 'green' : 'blue'
    const at = (number: string) =>
      pool.run(
        pool.balancer,
        `for i in 1 2 3 4; do curl -s -i -H 'Host: shop.example' -H 'Cookie: switchyard_canary=${number}' http://127.0.0.1/health; echo; done`,
      )
    await pool.done('promote', idle, '--percent', '20')
    const [canary, others] = [await at('000'), await at('fff')]
    expect(canary.match(/"version":"1\.0\.0"/g)).toHaveLength(4)
    expect(others.match(/"version":"1\.1\.0"/g)).toHaveLength(4)
    for (const text of [canary, others]) expect(new Set(text.match(/x-answered-by: \S+/gi)).size).toBe(2)
    await pool.done('promote', live ?? '')
    expect(await at('000')).not.toContain('1.0.0')
  })

  it('a host whose application stops loses no request, and gets requests again when it is back', async () => {
    const stopped = async () => {
      await pool.run(pool.host(1), 'systemctl stop "shop@*.service"')
      await expect.poll(() => pool.answering()).toEqual([await pool.host(0).address()])
      await pool.run(pool.host(1), 'systemctl start shop@blue.service shop@green.service')
      await expect.poll(() => pool.answering()).toHaveLength(2)
    }
    expect(await failedDuring(stopped)).toBe('0 failed')
  })

  it('a host that is gone from the network loses no request', async () => {
    const gone = async () => {
      await run('docker', ['network', 'disconnect', '--force', 'bridge', pool.host(1).id])
      // Several times as long as a router takes to look at it again.
      for (let i = 0; i < 3; i++) expect(await pool.answering()).toEqual([await pool.host(0).address()])
    }
    expect(await failedDuring(gone)).toBe('0 failed')
    expect(await pool.serving()).toHaveLength(1)
  })
})
