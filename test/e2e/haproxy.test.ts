/** The standard tasks on a host with HAProxy as the router, and how many requests a switch loses there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failuresIn, type LoadOptions, startLoad } from '../../dev/load.ts'
import { type Site, startSite } from '../../dev/site.ts'
import { onHaproxy } from '../support/haproxy.ts'
import { deployNext, liveState, succeeds } from '../support/invariant.ts'

const SOCKETS = 50
const MAP = '/srv/life/router/live.map'

describe('HAProxy as the router', () => {
  let site: Site
  beforeAll(async () => {
    site = await startSite({ ...onHaproxy, tasks: 'export const { doctor, repair } = tasks' })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
  })

  it("is installed by setup, which leaves the host's own configuration unchanged, and does nothing the second time", async () => {
    const dry = await succeeds(site, 'setup', '--dry-run')
    expect(dry.stdout).toContain('/etc/haproxy/switchyard/life.cfg')
    expect((await succeeds(site, 'setup')).stdout).toMatch(/\d+ folders and [1-9]\d* files changed/)
    const { stdout: main } = await site.host.exec('systemctl show --property MainPID haproxy')
    expect((await succeeds(site, 'setup')).stdout).toContain('0 folders and 0 files changed')
    expect((await site.host.exec('systemctl show --property MainPID haproxy')).stdout).toBe(main)
    expect((await site.host.exec('dpkg --verify haproxy | grep /etc/')).stdout).toBe('')
  })

  it('gets two releases deployed and promoted one after the other, and all readings agree', async () => {
    await succeeds(site, 'deploy', '--promote')
    const first = await liveState(site)
    const second = await deployNext(site, {}, '--promote')
    expect(second, second.stdout + second.stderr).toMatchObject({ code: 0 })
    expect([first.slot, (await liveState(site)).slot, await site.live()]).toEqual(['blue', 'green', 'green'])
    const { stdout } = await succeeds(site, 'status')
    expect(stdout).toContain('All agree: router green, public answer green, records green')
    expect((await succeeds(site, 'doctor')).stdout).toMatch(/ok +setup/)
  })

  it(`loses no request and cuts none of ${SOCKETS} WebSockets over six promotes`, async () => {
    const load = await startLoad({
      url: site.url,
      // One client of fresh connections, so that its responses come in the order of its requests.
      clients: { keepAlive: 4, idle: 2, post: 2, fresh: 1, slow: 2, socket: SOCKETS },
      headers: ['life-slot'],
      maxSeconds: 120,
    })
    for (const slot of ['blue', 'green', 'blue', 'green', 'blue', 'green']) await succeeds(site, 'promote', slot)
    const report = await load.stop()
    process.stdout.write(`haproxy: ${report.failed} of ${report.sent} requests failed, over six promotes\n`)
    expect(failuresIn(report)).toEqual([])
    expect(report.drops).toEqual([])
    expect(report.endedBy).toBe('stop')
    expect(report.sent).toBeGreaterThan(1_000)
    expect(report.kinds.fresh.seen.map(seen => seen.value)).toHaveLength(7)
  })

  it('gets a lost route back from repair', async () => {
    await site.host.exec(`echo nonsense > ${MAP}`)
    const refused = await site.task('promote', 'blue')
    expect(refused.code).toBe(3)
    await succeeds(site, 'repair', '--force', 'green')
    expect(await site.live()).toBe('green')
    expect((await succeeds(site, 'status')).stdout).toContain('All agree: router green')
  })

  it('loses requests under the same load when it is switched by a restart (control)', async () => {
    const options: LoadOptions = { url: site.url, clients: { keepAlive: 4, idle: 2, post: 2, fresh: 1, slow: 2 } }
    const load = await startLoad({ ...options, maxSeconds: 60 })
    for (const slot of ['blue', 'green'])
      await site.host.exec(`sed -i 's/^live [a-z]*/live ${slot}/' ${MAP}; systemctl restart haproxy; sleep 2`)
    const report = await load.stop()
    process.stdout.write(`control: ${report.failed} of ${report.sent} requests failed, after 2 restarts\n`)
    expect(report.failed).toBeGreaterThan(0)
  })
})
