/** A host that was added, and one that was left out: remembered by the others, refused until it has caught up, and brought to their release by one command. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunEvent } from '../../runner/events.ts'
import { type Shop, startShop, sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3'] as const

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES)
  for (const args of [['setup'], ['deploy', '--promote']]) await shop.ends(0, args, { HOSTS: 'web-1,web-2' })
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

const all = (value: string) => NAMES.map(() => value)
const builds = () => shop.run(shop.host(2), 'ls /srv/shop/releases | sort')

it('a host that was added gets a release from the next deploy, and nothing else waits for that', async () => {
  expect(await shop.done('setup')).toMatch(/web-3: [1-9]\d* folders/)
  expect(await shop.ends(3, ['status'])).toContain('Bring a release to web-3 with `npx task deploy`')
  expect(await shop.done('repair', '--force', 'blue')).toContain('all hosts serve the same')
  await shop.done('deploy', '--promote')
  expect(await shop.serving()).toEqual(all('green'))
  // The next tests begin with blue.
  await shop.done('deploy', '--promote')
  expect(await shop.done('status')).toContain('All 3 hosts serve blue')
})

it('a host that was left out is remembered, refused to a deploy of all, and not served from silently', async () => {
  await shop.version('1.1.0')
  await shop.done('deploy', '--promote', '--without', 'web-3')
  expect(await shop.versions()).toEqual(['1.1.0', '1.1.0', '1.0.0'])
  const shown = await shop.ends(3, ['status'])
  expect(shown).toMatch(/web-3 was left out by .* and has not caught up: npx task catch-up web-3/)
  expect(shown).toMatch(
    /web-3 serves blue, 1\.0\.0-\w{7}, and the other hosts serve green, 1\.1\.0-\w{7}: .* \[FLEET_BEHIND\]/,
  )
  const others = await shop.done('status', '--without', 'web-3')
  expect(others).toContain('web-3 was left out by')
  for (const command of [['deploy'], ['rollback'], ['restart']])
    expect(await shop.ends(3, command)).toMatch(
      /npx task catch-up web-3[\s\S]*\[FLEET_BEHIND\]|\[FLEET_BEHIND\][\s\S]*npx task catch-up web-3/,
    )
  expect(await shop.versions()).toEqual(['1.1.0', '1.1.0', '1.0.0'])
})

it('a host that was left out catches up without a build: the release is copied, and its one switch loses no request', async () => {
  // The refused deploy of all hosts ended before the upload.
  expect(await builds()).not.toContain('1.1.0')
  const running = await shop.load()
  const output = await shop.done('catch-up', 'web-3')
  expect((await sumOf(running)).failed).toBe(0)
  expect(output).toMatch(
    /web-3: It serves green, 1\.1\.0-\w{7}, as the other hosts do; before it served blue, 1\.0\.0-\w{7}\. The release was copied: .* from web-1\./,
  )
  expect(await shop.versions()).toEqual(all('1.1.0'))
  expect(await shop.serving()).toEqual(all('green'))
  const shown = await shop.done('status')
  expect(shown).toContain('All 3 hosts serve green')
  expect(shown).not.toContain('left out')
  for (const host of shop.hosts) expect(await shop.run(host, 'cat /srv/shop/left-out.json || echo "[]"')).toBe('[]')
  const [first, , third] = await Promise.all(
    shop.hosts.map(host =>
      shop.run(
        host,
        'cd /srv/shop/releases/1.1.0-*; find . -type f ! -name release.json | sort | xargs sha256sum; stat -c "%a %n" . bin/server',
      ),
    ),
  )
  expect(third).toBe(first)
})

it('a second run has nothing to move', async () => {
  expect(await shop.done('catch-up', 'web-3')).toContain('nothing was moved')
})

it('a host that serves an old release in the slot of the others moves twice, and loses no request', async () => {
  for (const version of ['1.2.0', '1.3.0']) {
    await shop.version(version)
    await shop.done('deploy', '--promote', '--without', 'web-3')
  }
  expect(await shop.serving()).toEqual(all('green'))
  const running = await shop.load()
  const events = (await shop.done('catch-up', '--json', 'web-3'))
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)
  expect((await sumOf(running)).failed).toBe(0)
  expect(events.at(-1)).toMatchObject({ ok: true, data: { hosts: { 'web-3': { slot: 'green', behind: true } } } })
  expect(await shop.versions()).toEqual(all('1.3.0'))
  expect(await shop.serving()).toEqual(all('green'))
  await shop.version('1.4.0')
  await shop.done('deploy', '--promote')
  expect(await shop.versions()).toEqual(all('1.4.0'))
})

it('a host that does not start the release keeps what it served, and stays remembered', async () => {
  await shop.version('1.5.0')
  await shop.done('deploy', '--promote', '--without', 'web-3')
  const [slot] = await shop.serving()
  const unit = `/etc/systemd/system/shop@${slot}.service.d`
  await shop.run(
    shop.host(2),
    `mkdir -p ${unit}; printf '[Service]\\nExecStartPre=/bin/false\\n' > ${unit}/ill.conf; systemctl daemon-reload`,
  )
  expect(await shop.ends(1, ['catch-up', 'web-3'])).toMatch(/error on web-3: /)
  expect((await shop.versions())[2]).toBe('1.4.0')
  expect(await shop.ends(3, ['status'])).toContain('npx task catch-up web-3')
  await shop.run(shop.host(2), `rm -r ${unit}; systemctl daemon-reload`)
  await shop.done('catch-up', 'web-3')
  expect(await shop.versions()).toEqual(all('1.5.0'))
})

it('a catch-up is refused with the cause where it cannot be, and a dry run changes nothing', async () => {
  expect(await shop.ends(3, ['catch-up', 'web-3', '--without', 'web-3'])).toContain('this run leaves it out')
  expect(await shop.ends(2, ['catch-up', 'web-9'])).toContain('[HOST_UNKNOWN]')
  expect(await shop.ends(3, ['catch-up', 'web-3', '--host', 'web-3'])).toContain(
    'no other host of this run serves anything',
  )
  await shop.version('1.6.0')
  await shop.done('deploy', '--promote', '--without', 'web-3')
  expect(await shop.done('catch-up', 'web-3', '--dry-run')).toContain('It would move from')
  expect((await shop.versions())[2]).toBe('1.5.0')
  await shop.done('catch-up', 'web-3')
})

it('`--serial` starts one host after the other, and the switch is still one of all', async () => {
  await shop.version('1.7.0')
  const output = await shop.done('deploy', '--promote', '--serial')
  expect(output).toContain('ok: Move the traffic and prove it')
  expect(await shop.versions()).toEqual(all('1.7.0'))
})

it('history is one table, where what all hosts did is one row', async () => {
  const text = await shop.done('history', '--last', '100')
  expect(text).toMatch(/^when +host +what/m)
  expect(text).toMatch(/^\S+ \S+ +all +promote .*1\.7\.0/m)
  expect(text).toMatch(/^\S+ \S+ +web-3 +promote .*1\.6\.0/m)
  expect(text).toMatch(/^\S+ \S+ +web-1, web-2 +promote .*1\.6\.0|^\S+ \S+ +all but web-3 +promote .*1\.6\.0/m)
  const last = JSON.parse((await shop.done('history', '--json')).trimEnd().split('\n').at(-1) ?? '') as {
    data: { entries: { hosts: string[] }[] }
  }
  expect(last.data.entries.at(-1)).toMatchObject({ event: 'promote', hosts: [...NAMES] })
})
