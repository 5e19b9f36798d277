/** Two hosts that serve requests and one that works through a queue: what each runs, and what a switch, a failure and a repair do with that. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Shop, startShopOfRoles, sumOf } from '../support/shop.ts'

let shop: Shop
const jobs = () => shop.host(2)
beforeAll(async () => {
  shop = await startShopOfRoles(['web-1', 'web-2'], ['jobs-1'])
  await program('jobs')
  await program('clock')
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

/** Writes what it runs as, each tenth of a second, to a file that outlives the release. */
async function program(name: string, line = 'sleep 0.1'): Promise<void> {
  const path = join(shop.folder, 'app/bin', name)
  const text = `#!/bin/bash
version=$(cat VERSION)
while :; do echo "$(date +%s%3N) $version $$" >> /srv/shop/seen-${name}; ${line}; done
`
  await writeFile(path, text)
  await chmod(path, 0o755)
}

/** The units of the application that run on a host. */
const units = async (i: number) =>
  (
    await shop.run(
      shop.host(i),
      "systemctl list-units --state=running --no-legend --plain 'shop*@*' | cut -d' ' -f1 | sort",
    )
  )
    .split('\n')
    .filter(Boolean)

/** Starts what says which versions of a process were seen at the same time, until it is asked. */
const versionsAtOnce = async (name: string) => {
  const text = await shop.run(jobs(), `cat /srv/shop/seen-${name}`)
  const seen = text.split('\n').map(line => line.split(' '))
  const last = (version: string) => seen.findLastIndex(([, of]) => of === version)
  const first = (version: string) => seen.findIndex(([, of]) => of === version)
  return (from: string, to: string) => first(to) < last(from)
}

it('setup gives a worker no router and no unit for requests, and the second changes nothing', async () => {
  await shop.done('setup')
  await shop.run(
    jobs(),
    'test ! -e /etc/nginx/switchyard; test ! -e /etc/systemd/system/shop@.service; test -e /etc/systemd/system/shop-jobs@.service',
  )
  await shop.run(
    shop.host(0),
    'test -e /etc/systemd/system/shop@.service; test ! -e /etc/systemd/system/shop-jobs@.service',
  )
  expect(await shop.done('setup')).toContain('0 folders and 0 files changed')
})

it('a deploy brings the release to a worker and starts nothing there, and the switch starts its processes', async () => {
  await shop.done('deploy')
  expect(await units(0)).toEqual(['shop@blue.service'])
  expect(await units(2)).toEqual([])
  await shop.done('promote', 'blue')
  expect(await units(2)).toEqual(['shop-clock@blue.service', 'shop-jobs@blue.service'])
  expect(await shop.serving()).toEqual(['blue', 'blue'])
  const text = await shop.done('status')
  expect(text).toMatch(/jobs-1 +worker +blue +live +1\.0\.0-\w{7} +running/)
  expect(text).toContain('All 3 hosts serve blue')
  await shop.done('doctor')
})

it('a switch moves the workers after the traffic: what may overlap does, and what must not run twice does not', async () => {
  await shop.version('1.1.0')
  const running = await shop.load()
  await shop.done('deploy', '--promote')
  expect((await sumOf(running)).failed).toBe(0)
  expect(await units(2)).toEqual(['shop-clock@green.service', 'shop-jobs@green.service'])
  expect((await versionsAtOnce('jobs'))('1.0.0', '1.1.0')).toBe(true)
  expect((await versionsAtOnce('clock'))('1.0.0', '1.1.0')).toBe(false)
})

it('a worker whose process does not run takes the switch back on all hosts', async () => {
  await shop.version('1.2.0')
  await program('jobs', 'exit 1')
  const running = await shop.load()
  const output = await shop.ends(1, ['deploy', '--promote'])
  expect(output).toMatch(/error on jobs-1: .*\[PROCESS_FAILED\]/)
  expect((await sumOf(running)).failed).toBe(0)
  expect(await shop.serving()).toEqual(['green', 'green'])
  expect(await shop.versions()).toEqual(['1.1.0', '1.1.0'])
  expect(await units(2)).toEqual(['shop-clock@green.service', 'shop-jobs@green.service'])
  expect(await shop.done('status')).toContain('All 3 hosts serve green')
  await program('jobs')
})

it('a web host that cannot prove the switch leaves the worker with its old processes', async () => {
  await shop.version('1.3.0')
  await shop.done('deploy')
  await shop.run(
    shop.host(1),
    `cp -a /etc/nginx/switchyard /root/kept; sed -i 's/127.0.0.1:4000/127.0.0.1:9/; s/4000;/9;/' /etc/nginx/switchyard/*; nginx -s reload`,
  )
  await shop.ends(1, ['promote', 'blue'])
  await shop.run(shop.host(1), 'cp -a /root/kept/. /etc/nginx/switchyard/; nginx -s reload')
  expect(await shop.serving()).toEqual(['green', 'green'])
  expect(await shop.run(jobs(), 'grep -cF " 1.3.0 " /srv/shop/seen-jobs /srv/shop/seen-clock || :')).toBe(
    '/srv/shop/seen-jobs:0\n/srv/shop/seen-clock:0',
  )
  expect(await units(2)).toEqual(['shop-clock@green.service', 'shop-jobs@green.service'])
})

it('after a reboot of a worker the processes of the live slot run again, and no others', async () => {
  await shop.run(
    jobs(),
    "systemctl stop 'shop*@*'; systemctl start 'shop-*@blue.service' 'shop-*@green.service' 2> /dev/null || :; for slot in blue green; do systemctl start shop-jobs@$slot shop-clock@$slot || :; done",
  )
  expect(await units(2)).toEqual(['shop-clock@green.service', 'shop-jobs@green.service'])
})

it('`--role` works on the hosts of one role, and rollback and restart keep the hosts together', async () => {
  expect(await shop.done('status', '--role', 'worker')).not.toContain('web-1')
  await shop.done('promote', 'blue')
  await shop.done('rollback')
  expect(await units(2)).toEqual(['shop-clock@green.service', 'shop-jobs@green.service'])
  await shop.done('rollback', '1.0.0')
  expect(await shop.versions()).toEqual(['1.0.0', '1.0.0'])
  await shop.done('restart')
  expect(await shop.versions()).toEqual(['1.0.0', '1.0.0'])
  expect(await shop.done('status')).toContain('All 3 hosts serve')
})

it('a client that is killed during the switch is mended by one command, with the processes of the worker', async () => {
  const [before = ''] = await shop.serving()
  const to = before === 'blue' ? 'green' : 'blue'
  for (const wait of [0.5, 0.65, 0.8, 0.9]) {
    const began = performance.now()
    await shop.done('promote', to)
    const whole = performance.now() - began
    await shop.done('promote', before)
    const promote = shop.start(['promote', to])
    await new Promise(resolve => setTimeout(resolve, whole * wait))
    promote.kill('SIGKILL')
    await promote.ended
    await shop.done('repair', '--force', before, '--lock-wait', '30s')
    expect(await shop.serving()).toEqual([before, before])
    expect(await units(2)).toEqual([`shop-clock@${before}.service`, `shop-jobs@${before}.service`])
  }
})
