/** `task maintenance` on a host with nginx: under load, around a deploy with its promote, and on a host that an earlier version set up. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import { type Site, startSite } from '../../dev/site.ts'
import { deployNext, liveState, succeeds } from '../support/invariant.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

const INCLUDE = '/etc/nginx/switchyard/life.conf'

let site: Site
/** The address of this machine, as nginx sees it. */
let ours: string
beforeAll(async () => {
  site = await startSite({
    router: "nginx({ site: 'life.example', maintenancePage: 'maintenance.html' })",
    tasks: 'export const { maintenance, lock, unlock, history, doctor } = tasks',
  })
  await writeFile(join(site.folder, 'maintenance.html'), '<!doctype html>\n<h1>Closed</h1>\n<p>{{ message }}</p>\n')
  for (const args of [['setup'], ['deploy', '--promote']]) await succeeds(site, ...args)
  await fetch(site.url)
  ours = (await site.host.exec("tail -n 1 /var/log/nginx/access.log | cut -d ' ' -f 1")).stdout.trim()
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

/** What a client gets that is in no network of ours. */
const outside = async () =>
  (await site.host.exec("curl -si -H 'X-Forwarded-For: 198.51.100.7' http://127.0.0.1/health")).stdout
const statusOf = async () => (await fetch(`${site.url}/health`)).status

it('a maintenance that allows this machine loses none of its requests, around a deploy with its promote, on and off', async () => {
  expect(ours).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  const clients = { keepAlive: 4, idle: 2, post: 2, fresh: 2, slow: 2, socket: 20 }
  const load = await startLoad({ url: site.url, clients, maxSeconds: 120 })
  const before = await liveState(site)
  const on = await succeeds(site, 'maintenance', 'on', '--allow', `${ours},192.0.2.0/24`, '--retry-after', '600')
  expect(on.stdout).toContain('the public gets 503, verified')
  expect(on.stdout).toContain(`except those of ${ours}/32, 192.0.2.0/24.`)
  expect(await outside()).toMatch(/^HTTP\/1\.1 503 [\s\S]*^Retry-After: 600\r$/m)
  const promoted = await deployNext(site, {}, '--promote')
  expect(promoted, promoted.stdout + promoted.stderr).toMatchObject({ code: 0 })
  expect(promoted.stdout).toMatch(/probes, 0 failed/)
  expect((await liveState(site)).slot).not.toBe(before.slot)
  expect(await outside()).toMatch(/^HTTP\/1\.1 503 /)
  for (let i = 0; i < 3; i++) {
    await succeeds(site, 'maintenance', 'off')
    expect(await outside()).toMatch(/^HTTP\/1\.1 200 /)
    await succeeds(site, 'maintenance', 'on', '--allow', ours)
  }
  await succeeds(site, 'maintenance', 'off')
  const report = await load.stop()
  process.stdout.write(`maintenance: ${report.failed} of ${report.sent} requests of allowed clients failed\n`)
  expect(report).toMatchObject({ failed: 0, drops: [], endedBy: 'stop' })
  expect(report.sent).toBeGreaterThan(500)
})

it('shows the page of the project to everybody else, and says in status, by itself and in the history who began it', async () => {
  await succeeds(site, 'maintenance', 'on', '--message', 'New <disks>\nat 10:00.')
  const answer = await fetch(`${site.url}/health`, { method: 'POST', body: 'a=b' })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '120'])
  expect(await answer.text()).toBe('<!doctype html>\n<h1>Closed</h1>\n<p>New &lt;disks&gt; at 10:00.</p>\n')
  for (const command of ['status', 'maintenance']) {
    expect((await succeeds(site, command)).stdout).toMatch(
      /The site has been in maintenance since \S+Z, by \S+: New <disks> at 10:00\./,
    )
    const events = (await succeeds(site, command, '--json')).stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(JSON.stringify(events)).toContain('"message":"New <disks> at 10:00."')
  }
  expect((await succeeds(site, 'maintenance', 'off', '--dry-run')).stdout).toContain('not ended in a dry run')
  expect(await statusOf()).toBe(503)
  expect((await succeeds(site, 'maintenance', 'off')).stdout).toMatch(/\S+ began it at \S+Z/)
  expect(await statusOf()).toBe(200)
  expect((await succeeds(site, 'maintenance', 'off')).stdout).toContain('it was off')
  expect((await succeeds(site, 'maintenance')).stdout).toContain('The site is not in maintenance.')
  expect((await succeeds(site, 'history')).stdout).toMatch(/ maintenance +- .* done /)
})

it('a rollback during a maintenance is verified, and a host that is closed for deploys can be put into maintenance', async () => {
  await succeeds(site, 'maintenance', 'on')
  const before = await liveState(site)
  expect((await succeeds(site, 'rollback')).stdout).toMatch(/probes, 0 failed/)
  expect((await liveState(site)).slot).not.toBe(before.slot)
  await succeeds(site, 'maintenance', 'off')
  await succeeds(site, 'lock', '--reason', 'new disks')
  await succeeds(site, 'maintenance', 'on')
  const { stdout } = await succeeds(site, 'status')
  expect(stdout).toContain('The site has been in maintenance')
  expect(stdout).toMatch(/closed \S+ for deploys at \S+: new disks/)
  await succeeds(site, 'maintenance', 'off')
  await succeeds(site, 'unlock')
})

it.each([
  [['off', '--message', 'x'], /`--message` applies only when a maintenance begins/],
  [['--allow', '10.0.0.0/8'], /`--allow` applies only when a maintenance begins/],
  [['on', '--allow', 'office'], /must be addresses or networks/],
  [['on', '--retry-after', '0'], /must be from 1 to 86400 seconds/],
  [['sideways'], /must be on or off/],
])('maintenance %j is refused before anything is contacted', async (args, why) => {
  const { code, stdout, stderr } = await site.task('maintenance', ...args)
  expect(stdout + stderr).toMatch(why)
  expect(code).toBe(2)
})

it('a host that an earlier version set up is told to run setup, can be switched meanwhile, and has a maintenance after it', async () => {
  await site.host.exec(`sed -i '/maintenance/d' ${INCLUDE}; ${RELOAD_NGINX}`)
  const refused = await site.task('maintenance', 'on')
  expect(refused.code).toBe(3)
  expect(refused.stdout + refused.stderr).toMatch(
    /not set up for a maintenance of this site: \S+life\.conf is missing, or/,
  )
  expect(refused.stdout + refused.stderr).toContain('Run `npx task setup`')
  expect(await statusOf()).toBe(200)
  const before = await liveState(site)
  await succeeds(site, 'rollback')
  expect((await liveState(site)).slot).not.toBe(before.slot)
  expect((await succeeds(site, 'doctor')).stdout).toMatch(/warn +setup +changed: \S+life\.conf/)
  await succeeds(site, 'setup')
  await succeeds(site, 'maintenance', 'on')
  expect(await statusOf()).toBe(503)
  await succeeds(site, 'maintenance', 'off')
})
