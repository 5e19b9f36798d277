/** One application on four hosts: prepared on all of them, then switched on all of them at one moment, or on none. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunEvent } from '../../runner/events.ts'
import { otherOf, type Shop, startShop, sumOf, switchUnderLoad, timeOf } from '../support/shop.ts'

/** An odd number, because the tests after them expect green to be live. */
const SWITCHES = Number(process.env.SWITCHES ?? 3) | 1
const NAMES = ['web-1', 'web-2', 'web-3', 'web-4'] as const

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES)
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

const builds = async () => (await readFile(`${shop.folder}/builds`, 'utf8')).trimEnd().split('\n').length
const all = <T>(value: T): readonly T[] => NAMES.map(() => value)

it('setup prepares each host, and changes nothing the second time', async () => {
  const first = await shop.done('setup')
  expect(first).toMatch(/ok: Prepare the host {2}\d+ folders and \d+ files changed/)
  expect(await shop.done('setup')).toContain('ok: Prepare the host  0 folders and 0 files changed')
})

it('deploy builds once, and starts the same release in the same slot of each host', async () => {
  const output = await shop.done('deploy')
  expect(output).toMatch(/ok: Upload the release {2}1\.0\.0-\w{7} \(/)
  expect(output).toMatch(/ok: Wait until the idle slot is healthy/)
  expect(await builds()).toBe(1)
  expect(output.match(/Next: npx task promote blue/g)).toHaveLength(1)
  // Each host has proven its own router.
  expect(await shop.done('promote', 'blue')).toMatch(
    /ok: Move the traffic and prove it {2}blue is live: 5 answers, version 1\.0\.0 \(/,
  )
  expect(await shop.serving()).toEqual(all('blue'))
  expect(await shop.versions()).toEqual(all('1.0.0'))
})

it(
  'a switch of all hosts loses no request on any of them',
  async () => {
    const running = await shop.load()
    for (const [version, slot] of [
      ['1.1.0', 'green'],
      ['1.2.0', 'blue'],
    ] as const) {
      await shop.version(version)
      await shop.done('deploy', '--promote')
      expect(await shop.serving()).toEqual(all(slot))
      expect(await shop.versions()).toEqual(all(version))
    }
    const deploys = await sumOf(running)
    const promotes = await switchUnderLoad(shop, SWITCHES)
    const [failed, sent] = [deploys.failed + promotes.failed, deploys.sent + promotes.sent]
    process.stdout.write(`${SWITCHES + 2} switches of four hosts: ${failed} of ${sent} requests failed\n`)
    expect(failed).toBe(0)
    expect(sent).toBeGreaterThan(2_000)
    expect(await shop.done('status')).toMatch(/All 4 hosts serve green, 1\.1\.0-\w{7} \(generation \w+-\w{4}\)\./)
  },
  timeOf(SWITCHES),
)

it('a release that is ill on one host moves none', async () => {
  await shop.version('1.3.0')
  await shop.run(
    shop.host(2),
    'mkdir -p /etc/systemd/system/shop@blue.service.d; printf "[Service]\\nExecStartPre=/bin/false\\n" > /etc/systemd/system/shop@blue.service.d/ill.conf; systemctl daemon-reload',
  )
  const running = await shop.load()
  const output = await shop.ends(1, ['deploy', '--promote'])
  expect(output).toMatch(/error on web-3: .*blue/)
  expect(await shop.serving()).toEqual(all('green'))
  expect((await sumOf(running)).failed).toBe(0)
  await shop.run(shop.host(2), 'rm -r /etc/systemd/system/shop@blue.service.d; systemctl daemon-reload')
  // The release failed on one host, so it is used again only on request.
  await shop.done('deploy', '--promote', '--force')
  expect(await shop.versions()).toEqual(all('1.3.0'))
})

it('a switch that cannot be proven on one host is taken back on all, and that is proven', async () => {
  await shop.version('1.4.0')
  await shop.done('deploy')
  // The router of one host answers for the new slot with an error.
  await shop.run(
    shop.host(1),
    `cp -a /etc/nginx/switchyard /root/kept; sed -i 's/127.0.0.1:4001/127.0.0.1:9/; s/4001;/9;/' /etc/nginx/switchyard/*; nginx -s reload`,
  )
  const output = await shop.ends(1, ['promote', 'green'])
  await shop.run(shop.host(1), 'cp -a /root/kept/. /etc/nginx/switchyard/; nginx -s reload')
  expect(output).toContain('undone: Move the traffic and prove it')
  expect(await shop.serving()).toEqual(all('blue'))
  expect(await shop.done('status')).toMatch(/All 4 hosts serve blue, 1\.3\.0/)
  await shop.done('promote', 'green')
  expect(await shop.versions()).toEqual(all('1.4.0'))
})

it('two contents of one version are not switched together: the command says which host has which', async () => {
  await shop.version('1.4.1')
  await shop.done('deploy')
  await writeFile(`${shop.folder}/app/other`, 'built once more')
  await shop.done('deploy', '--host', 'web-4')
  const before = await shop.serving()
  const output = await shop.ends(3, ['promote', otherOf(before[0])])
  expect(output).toContain('[FLEET_RELEASES_DIFFER]')
  const [first, last] = ['web-1', 'web-4'].map(name => new RegExp(`${name} (1\\.4\\.1-\\w{7})`).exec(output)?.[1])
  expect(first).toBeDefined()
  expect(last).toBeDefined()
  expect(first).not.toBe(last)
  expect(await shop.serving()).toEqual(before)
  expect(await shop.versions()).toEqual(all('1.4.0'))
})

it('--limit says on how many hosts at once each step before the switch works', async () => {
  await shop.version('1.4.2')
  const { code, stdout, stderr } = await shop.start(['deploy', '--promote', '--limit', '2', '--json']).ended
  expect(code, stdout + stderr).toBe(0)
  const events = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)
  const most = new Map<string, number>()
  const working = new Set<string>()
  for (const event of events) {
    if (event.type !== 'host') continue
    const one = `${event.step} ${event.host}`
    if (event.state === 'start') working.add(one)
    else working.delete(one)
    const now = [...working].filter(other => other.startsWith(`${event.step} `)).length
    most.set(event.step, Math.max(now, most.get(event.step) ?? 0))
  }
  const LIMITED = ['upload-the-release', 'stop-the-idle-slot', 'wait-until-the-idle-slot-is-healthy']
  expect(LIMITED.map(step => most.get(step))).toEqual([2, 2, 2])
  expect(most.get('move-the-traffic-and-prove-it')).toBe(4)
  expect(await shop.versions()).toEqual(all('1.4.2'))
})

it('one host can be left out, is shown until it has the same release, and gets it from a promote of all', async () => {
  await shop.version('1.5.0')
  const output = await shop.done('deploy', '--promote', '--without', 'web-4')
  expect(await shop.versions()).toEqual(['1.5.0', '1.5.0', '1.5.0', '1.4.2'])
  expect(output).not.toContain('web-4')
  expect(await shop.ends(3, ['status'])).toMatch(/web-4 serves blue, 1\.4\.2-\w{7}.* \[FLEET_BEHIND\]/)
  expect(await shop.ends(3, ['deploy'])).toContain('[FLEET_BEHIND]')
  await shop.done('promote', 'blue')
  expect(await shop.versions()).toEqual(all('1.4.2'))
  expect(await shop.ends(2, ['status', '--host', 'web-9'])).toContain('[HOST_UNKNOWN]')
})

it('a host that cannot be reached stops a deploy before anything is changed, and `status` shows the others', async () => {
  await shop.run(shop.host(2), 'systemctl stop ssh.service ssh.socket 2> /dev/null; pkill -KILL sshd || :')
  const before = await shop.serving()
  const output = await shop.ends(1, ['deploy', '--promote'])
  expect(output).toMatch(/error on web-3: /)
  const shown = await shop.ends(3, ['status'])
  expect(shown).toMatch(/web-3 +- +- +unknown/)
  expect(shown).toMatch(/1 of 4 hosts could not be queried: web-3\./)
  expect(await shop.serving()).toEqual(before)
  await shop.run(shop.host(2), 'systemctl start ssh.service')
  await shop.done('status')
})
