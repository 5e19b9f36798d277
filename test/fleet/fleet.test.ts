/** One application on four hosts: prepared on all of them, then switched on all of them at one moment, or on none. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { type Machines, startMachines } from '../support/machines.ts'

const NAMES = ['web-1', 'web-2', 'web-3', 'web-4'] as const

/** HOSTS chooses some of the hosts, by their numbers. */
const TASKFILE = `
import { appendFileSync, readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const version = () => {
  appendFileSync(new URL('builds', import.meta.url), 'built\\n')
  return readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim()
}
const { tasks } = project({
  app: 'shop',
  hosts: (env.HOSTS ?? '1,2,3,4').split(',').map(n => ssh('web-' + n, { configFile: env.SSH_CONFIG })),
  build: tarball({ path: 'app', version }),
  runtime: service({ start: 'bin/server', stopLimit: 3 }),
  router: nginx({ site: 'shop.example' }),
  slots: { blue: { port: 4000 }, green: { port: 4001 } },
  health: { within: 8_000 },
})
export const { setup, deploy, promote, rollback, retire, repair, status, doctor, history, logs, exec, releases, restart } = tasks
`

let machines: Machines
beforeAll(async () => {
  machines = await startMachines(NAMES, TASKFILE)
})
afterAll(async () => {
  await machines?.[Symbol.asyncDispose]()
})

const done = (...args: string[]) => machines.ends(0, args)
const host = (i: number): TestHost => machines.hosts[i] ?? expect.fail(`there is no host ${i}`)

/** Load on the router of each host, as round-robin DNS would give it. */
const loads = () =>
  Promise.all(
    machines.hosts.map(({ httpPort }) =>
      startLoad({
        url: `http://127.0.0.1:${httpPort}`,
        host: 'shop.example',
        clients: { keepAlive: 1, fresh: 1, idle: 0, post: 0, slow: 0, socket: 0 },
        paths: { get: '/health' },
        pauseMs: { keepAlive: 5, fresh: 5 },
        maxSeconds: 300,
      }),
    ),
  )
const ended = async (running: readonly Load[]) => {
  const reports = await Promise.all(running.map(load => load.stop()))
  return {
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    sent: reports.reduce((sum, { sent }) => sum + sent, 0),
  }
}

/** What each host serves, according to its own router. */
const serving = () =>
  Promise.all(
    machines.hosts.map(machine =>
      machines.run(machine, 'curl -s -H "Host: shop.example" http://127.0.0.1/deployment_id'),
    ),
  )
const versions = () =>
  Promise.all(
    machines.hosts.map(async machine => {
      const answer = await machines.run(machine, 'curl -s -H "Host: shop.example" http://127.0.0.1/health')
      return (JSON.parse(answer) as { version: string }).version
    }),
  )
const builds = async () => (await readFile(`${machines.folder}/builds`, 'utf8')).trimEnd().split('\n').length
const all = <T>(value: T): readonly T[] => NAMES.map(() => value)

it('setup prepares each host, and changes nothing the second time', async () => {
  const first = await done('setup')
  expect(first).toMatch(/ok: Prepare the host {2}\d+ folders and \d+ files changed/)
  expect(await done('setup')).toContain('ok: Prepare the host  0 folders and 0 files changed')
})

it('deploy builds once, and starts the same release in the same slot of each host', async () => {
  const output = await done('deploy')
  expect(output).toMatch(/ok: Upload the release {2}1\.0\.0-\w{7} \(/)
  expect(output).toMatch(/ok: Wait until the idle slot is healthy/)
  expect(await builds()).toBe(1)
  expect(output.match(/Next: npx task promote blue/g)).toHaveLength(1)
  await done('promote', 'blue')
  expect(await serving()).toEqual(all('blue'))
  expect(await versions()).toEqual(all('1.0.0'))
})

it('a switch of all hosts loses no request on any of them', async () => {
  const running = await loads()
  for (const [version, slot] of [
    ['1.1.0', 'green'],
    ['1.2.0', 'blue'],
  ] as const) {
    await machines.version(version)
    await done('deploy', '--promote')
    expect(await serving()).toEqual(all(slot))
    expect(await versions()).toEqual(all(version))
  }
  for (const slot of ['green', 'blue', 'green']) await done('promote', slot)
  const { failed, sent } = await ended(running)
  expect(failed).toBe(0)
  expect(sent).toBeGreaterThan(2_000)
  expect(await done('status')).toMatch(/All 4 hosts serve green, 1\.1\.0-\w{7}\./)
})

it('a release that is ill on one host moves none', async () => {
  await machines.version('1.3.0')
  await machines.run(
    host(2),
    'mkdir -p /etc/systemd/system/shop@blue.service.d; printf "[Service]\\nExecStartPre=/bin/false\\n" > /etc/systemd/system/shop@blue.service.d/ill.conf; systemctl daemon-reload',
  )
  const running = await loads()
  const output = await machines.ends(1, ['deploy', '--promote'])
  expect(output).toMatch(/error on web-3: .*blue/)
  expect(await serving()).toEqual(all('green'))
  expect((await ended(running)).failed).toBe(0)
  await machines.run(host(2), 'rm -r /etc/systemd/system/shop@blue.service.d; systemctl daemon-reload')
  await done('deploy', '--promote')
  expect(await versions()).toEqual(all('1.3.0'))
})

it('a switch that cannot be proven on one host is taken back on all, and that is proven', async () => {
  await machines.version('1.4.0')
  await done('deploy')
  // The router of one host answers for the new slot with an error.
  await machines.run(
    host(1),
    `cp -a /etc/nginx/switchyard /root/kept; sed -i 's/127.0.0.1:4001/127.0.0.1:9/; s/4001;/9;/' /etc/nginx/switchyard/*; nginx -s reload`,
  )
  const output = await machines.ends(1, ['promote', 'green'])
  await machines.run(host(1), 'cp -a /root/kept/. /etc/nginx/switchyard/; nginx -s reload')
  expect(output).toContain('undone: Move the traffic and prove it')
  expect(await serving()).toEqual(all('blue'))
  expect(await done('status')).toMatch(/All 4 hosts serve blue, 1\.3\.0/)
  await done('promote', 'green')
  expect(await versions()).toEqual(all('1.4.0'))
})
