/** Four hosts behind an nginx on a fifth: the balancer's link is the one switch, and the requests go to all of them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dieWhileAsked } from '../support/pool-faults.ts'
import { type Pool, startPool, sumOf, switchUnderLoad, timeOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3', 'web-4'] as const
const SWITCHES = Number(process.env.SWITCHES ?? 20)

let pool: Pool
beforeAll(async () => {
  pool = await startPool(NAMES)
})
afterAll(async () => {
  await pool?.[Symbol.asyncDispose]()
})

it('setup installs units on each host, and the site with all of them on the balancer', async () => {
  await pool.done('setup')
  expect(await pool.run(pool.balancer, 'grep -c "server .*:4000" /etc/nginx/switchyard/shop.pool.conf')).toBe('4')
  for (const host of pool.hosts.slice(0, -1))
    await pool.run(host, 'test -e /etc/systemd/system/shop@.service; ! test -e /etc/nginx/switchyard')
  expect(await pool.done('setup')).toContain('0 folders and 0 files changed')
})

it('a deploy starts the slot on the address of each host, and one switch of the balancer moves the requests to all', async () => {
  await pool.done('deploy', '--promote')
  expect(await pool.serving()).toEqual(['blue'])
  expect(await pool.answering()).toHaveLength(4)
  expect(await pool.done('status')).toMatch(/All 4 hosts serve blue, 1\.0\.0-/)
  await pool.done('doctor')
})

it(
  `${SWITCHES} switches under load lose no request`,
  async () => {
    await pool.version('1.1.0')
    await pool.done('deploy')
    const { failed, sent } = await switchUnderLoad(pool, SWITCHES)
    process.stdout.write(`${SWITCHES} switches of a pool: ${failed} of ${sent} requests failed\n`)
    expect(failed).toBe(0)
    expect(sent).toBeGreaterThan(1_000)
  },
  timeOf(SWITCHES),
)

it('a host of the pool that is lost loses no request that can be repeated', async () => {
  const running = await pool.load()
  await pool.run(pool.host(1), 'systemctl stop "shop@*.service"')
  await new Promise(resolve => setTimeout(resolve, 2_000))
  const { failed, sent } = await sumOf(running)
  expect(sent).toBeGreaterThan(100)
  expect(failed).toBe(0)
  expect(await pool.ends(3, ['status'])).toMatch(/error on web-2: .*\[LIVE_ILL\]/)
  await pool.run(pool.host(1), 'systemctl start shop@blue.service shop@green.service')
})

it('requests that an application has not answered when it dies are answered by another host, if they only read', async () => {
  const { gets, posts } = await dieWhileAsked(pool, 2)
  expect(gets).toEqual(gets.map(() => '200'))
  expect(posts).toContain('502')
})

it('a host that does not start the release stops the deploy, and the balancer stays', async () => {
  const [before] = await pool.serving()
  await pool.version('1.2.0')
  const idle = before === 'blue' ? 'green' : 'blue'
  const unit = `/etc/systemd/system/shop@${idle}.service.d`
  await pool.run(
    pool.host(3),
    `mkdir -p ${unit}; printf '[Service]\\nExecStartPre=/bin/false\\n' > ${unit}/ill.conf; systemctl daemon-reload`,
  )
  expect(await pool.ends(1, ['deploy', '--promote'])).toMatch(/error on web-4: /)
  expect(await pool.serving()).toEqual([before])
  await pool.run(pool.host(3), `rm -r ${unit}; systemctl daemon-reload`)
  await pool.done('deploy', '--promote', '--force')
  expect(await pool.versions()).toEqual(['1.2.0'])
})

it('a switch cannot leave a host of the pool out', async () => {
  expect(await pool.ends(2, ['promote', 'green', '--without', 'web-4'])).toContain('[POOL_PARTIAL]')
})
