/** The standard tasks on a host with Caddy as the router, and how many requests a switch loses there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failuresIn, type LoadOptions, startLoad } from '../../dev/load.ts'
import { type Site, startSite } from '../../dev/site.ts'
import { onCaddy } from '../support/caddy.ts'
import { deployNext, liveState, succeeds } from '../support/invariant.ts'

const SOCKETS = 30

describe('Caddy as the router', () => {
  let site: Site
  const load = (sockets = SOCKETS): LoadOptions => ({
    url: site.url,
    // One client with fresh connections, so its answers arrive in order. No large POST: Caddy 2.6 itself cuts off about one of 3,000, without any switch.
    clients: { keepAlive: 4, idle: 2, post: 0, fresh: 1, slow: 2, socket: sockets },
    headers: ['life-slot'],
    maxSeconds: 120,
  })
  beforeAll(async () => {
    site = await startSite({ ...onCaddy, tasks: 'export const { repair } = tasks' })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it('setup asks for the line in the Caddyfile, adds one file beside it, and does nothing the second time', async () => {
    await site.host.exec("cp -p /etc/caddy/Caddyfile /root/Caddyfile; sed -i '/^import/d' /etc/caddy/Caddyfile")
    const refused = await site.task('setup')
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('import /etc/caddy/switchyard/*.caddy')
    await site.host.exec('mv /root/Caddyfile /etc/caddy/Caddyfile; md5sum /etc/caddy/Caddyfile > /root/sum')
    expect((await succeeds(site, 'setup', '--dry-run')).stdout).toContain('/etc/caddy/switchyard/life.caddy')
    expect((await succeeds(site, 'setup')).stdout).toMatch(/\d+ folders and [1-9]\d* files changed/)
    expect((await succeeds(site, 'setup')).stdout).toContain('0 folders and 0 files changed')
    expect(await site.host.exec('md5sum --check --status /root/sum; find /etc/caddy -type f')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^(?:\/etc\/caddy\/(?:Caddyfile|switchyard\/life\.caddy)\n){2}$/),
    })
  })

  it('two releases are deployed and promoted one after the other, and all readings agree', async () => {
    await succeeds(site, 'deploy', '--promote')
    const first = await liveState(site)
    const second = await deployNext(site, {}, '--promote')
    expect(second, second.stdout + second.stderr).toMatchObject({ code: 0 })
    expect([first.slot, (await liveState(site)).slot, await site.live()]).toEqual(['blue', 'green', 'green'])
    expect((await succeeds(site, 'status')).stdout).toContain(
      'All agree: router green, public answer green, records green',
    )
  })

  it(`no request is lost and none of ${SOCKETS} WebSockets is cut over six promotes`, async () => {
    const running = await startLoad(load())
    for (const slot of ['blue', 'green', 'blue', 'green', 'blue', 'green']) await succeeds(site, 'promote', slot)
    const report = await running.stop()
    process.stdout.write(`caddy: ${report.failed} of ${report.sent} requests failed, over six promotes\n`)
    expect(failuresIn(report)).toEqual([])
    expect(report.drops).toEqual([])
    expect(report.endedBy).toBe('stop')
    expect(report.sent).toBeGreaterThan(1_000)
    expect(report.kinds.fresh.seen.map(seen => seen.value)).toHaveLength(7)
  })

  it('repair puts a lost route back', async () => {
    await site.host.exec('ln -sfn nonsense /srv/life/router/live')
    expect((await site.task('promote', 'blue')).code).toBe(3)
    await succeeds(site, 'repair', '--force', 'green')
    expect(await site.live()).toBe('green')
    expect((await succeeds(site, 'status')).stdout).toContain('All agree: router green')
  })

  it('the controls: under the same load a reload of Caddy cuts the WebSockets, and a restart loses requests', async () => {
    const reloaded = await startLoad(load())
    for (let i = 0; i < 2; i++) await site.host.exec('systemctl reload caddy; sleep 1')
    const reload = await reloaded.stop()
    const restarted = await startLoad(load(0))
    for (let i = 0; i < 2; i++) await site.host.exec('systemctl restart caddy; sleep 1')
    const restart = await restarted.stop()
    process.stdout.write(
      `controls: 2 reloads lost ${reload.failed} of ${reload.sent} requests and cut ${reload.drops.length} WebSockets; 2 restarts lost ${restart.failed} of ${restart.sent}\n`,
    )
    expect(reload.drops.length).toBeGreaterThanOrEqual(SOCKETS)
    expect(restart.failed).toBeGreaterThan(0)
  })

  it('F46 after a power loss Caddy comes up with the slot that was live', async () => {
    expect(await site.live()).toBe('green')
    await site.host.restart({ powerLoss: true })
    await expect.poll(() => site.live()).toBe('green')
  })
})
