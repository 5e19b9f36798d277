/** A service with a worker in each slot and a scheduler in the live one, on a real host. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Ended, runTask } from '../../dev/site.ts'
import { SERVER } from '../../dev/small-server.ts'
import { writeApp } from '../support/app.ts'
import { exits } from '../support/ended.ts'

/** A process that ends at once if the release has a file of its name. */
const WORKER = `#!/bin/bash
if [ -e "broken-$1" ]; then echo "the $1 is broken"; exit 1; fi
while :; do sleep 0.2; done
`
const PROCESSES = `{ worker: 'bin/worker worker', scheduler: { start: 'bin/worker scheduler', when: 'live', stopLimit: 5 } }`
const taskfile = (options: string) => `
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({ start: 'bin/server', ${options} }),
  router: nginx({ site: 'shop.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback, retire, repair, status, history } = tasks
`

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-processes-'))
  await writeApp(folder, { server: SERVER, worker: WORKER, job: '#!/bin/sh\necho "the report of $SWITCHYARD_SLOT"\n' })
  await configure(`processes: ${PROCESSES}`)
  host = await startHost()
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  await done('setup')
})
afterAll(async () => {
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

const configure = (options: string) => writeFile(join(folder, 'Taskfile.ts'), taskfile(options))
/** Sets the version of the next release, and which of its processes are broken. */
async function release(version: string, ...broken: string[]): Promise<void> {
  await writeFile(join(folder, 'app/VERSION'), `${version}\n`)
  for (const name of ['worker', 'scheduler']) {
    if (broken.includes(name)) await writeFile(join(folder, 'app', `broken-${name}`), '')
    else await rm(join(folder, 'app', `broken-${name}`), { force: true })
  }
}
const task = (...args: string[]): Promise<Ended> => runTask(folder, env, args).ended
const done = (...args: string[]) => exits(0, task(...args))
const fails = (code: number, ...args: string[]) => exits(code, task(...args))
const run = async (command: string) => (await host.exec(command)).stdout.trim()
/** The active units of the application, by name. */
const active = async () =>
  (await run(`systemctl list-units --plain --no-legend --state=active 'shop*@*' | cut -d ' ' -f 1`))
    .split('\n')
    .map(unit => unit.replace('.service', ''))
    .sort()
const live = () => run('curl -s http://127.0.0.1/deployment_id -H "Host: shop.example"')
const slots = (...names: readonly string[]) => [...names].sort()

it('a deploy starts the worker, and a promote moves the scheduler, as does a rollback', async () => {
  await release('1.0.0')
  await done('deploy', '--promote')
  expect(await active()).toEqual(slots('shop@blue', 'shop-worker@blue', 'shop-scheduler@blue'))
  await release('1.1.0')
  await done('deploy')
  const both = ['shop@blue', 'shop-worker@blue', 'shop@green', 'shop-worker@green']
  expect(await active()).toEqual(slots(...both, 'shop-scheduler@blue'))
  await done('promote', 'green')
  expect(await active()).toEqual(slots(...both, 'shop-scheduler@green'))
  await done('rollback')
  expect(await active()).toEqual(slots(...both, 'shop-scheduler@blue'))
  await host.restart({ powerLoss: true })
  await expect.poll(active).toEqual(slots(...both, 'shop-scheduler@blue'))
  await done('status')
})

it('a promote to a release whose scheduler fails goes back, and the scheduler runs where it ran', async () => {
  await release('1.2.0', 'scheduler')
  await done('deploy')
  const said = await fails(1, 'promote', 'green')
  expect(said).toContain('The process scheduler of green is not running.')
  expect(said).toContain('the scheduler is broken')
  expect(await live()).toBe('blue')
  expect(await active()).toEqual(
    slots('shop@blue', 'shop-worker@blue', 'shop-scheduler@blue', 'shop@green', 'shop-worker@green'),
  )
  expect(await fails(3, 'promote', 'green')).toMatch(/--force/)
})

it('a deploy of a release whose worker fails is not healthy, and touches nothing of the live slot', async () => {
  await release('1.3.0', 'worker')
  const said = await fails(1, 'deploy', '--promote')
  expect(said).toContain('The process worker of green is not running.')
  expect(said).toContain('the worker is broken')
  expect(await live()).toBe('blue')
  expect(await active()).toEqual(slots('shop@blue', 'shop-worker@blue', 'shop-scheduler@blue'))
})

it('status reports a process of the live slot that does not run, and a repair starts the scheduler', async () => {
  await run('systemctl stop shop-scheduler@blue.service')
  expect(await fails(3, 'status')).toMatch(/running, scheduler failed[\s\S]*not all of its processes run: scheduler/)
  await done('repair', '--force', 'blue')
  expect(await active()).toContain('shop-scheduler@blue')
  await done('status')
})

it('a promote with `demote: before` that cannot switch leaves the scheduler in the live slot', async () => {
  await configure(`processes: ${PROCESSES}, demote: 'before'`)
  await release('1.4.0')
  await done('deploy')
  // The link cannot be replaced: the switch fails after the scheduler was stopped.
  const at = '/srv/shop/router'
  await run(`mount --bind ${at} ${at} && mount -o remount,ro,bind ${at}`)
  await fails(1, 'promote', 'green')
  await run(`umount ${at}`)
  expect(await live()).toBe('blue')
  expect(await active()).toContain('shop-scheduler@blue')
  await done('promote', 'green')
  expect(await active()).toEqual(
    slots('shop@blue', 'shop-worker@blue', 'shop@green', 'shop-worker@green', 'shop-scheduler@green'),
  )
  await done('retire')
  expect(await active()).toEqual(slots('shop@green', 'shop-worker@green', 'shop-scheduler@green'))
})

it('setup stops and removes a process that the Taskfile no longer has, and a deploy asks for that first', async () => {
  await configure(`processes: { scheduler: { start: 'bin/worker scheduler', when: 'live' } }`)
  await release('1.5.0')
  expect(await fails(3, 'deploy')).toMatch(/may still run: .*shop-worker@\.service/)
  const planned = await done('setup', '--dry-run')
  expect(planned).toContain('removed file /etc/systemd/system/shop-worker@.service')
  expect(await active()).toContain('shop-worker@green')
  await done('setup')
  expect(await active()).toEqual(slots('shop@green', 'shop-scheduler@green'))
  expect(await run('ls /etc/systemd/system/shop-worker* /etc/systemd/system/*.wants/shop-worker* 2>/dev/null')).toBe('')
  expect(await done('setup')).toMatch(/0 folders and 0 files changed/)
  await done('deploy', '--promote')
  expect(await active()).toEqual(slots('shop@blue', 'shop-scheduler@blue', 'shop@green'))
})

it('a job runs at its times in the live slot alone, also after a power loss, until setup removes it', async () => {
  await configure(`processes: { report: { start: 'bin/job', schedule: '*:*:0/2' } }`)
  await done('setup')
  await release('1.6.0')
  await done('deploy', '--promote')
  const [old, next] = (await live()) === 'blue' ? ['blue', 'green'] : ['green', 'blue']
  const runs = async (slot: string) =>
    Number(await run(`journalctl -u shop-report@${slot} | grep -c 'the report of ${slot}$' || :`))
  await expect.poll(() => runs(old)).toBeGreaterThan(1)
  await release('1.7.0')
  await done('deploy')
  expect(await runs(next)).toBe(0)
  await done('promote', next)
  const before = await runs(old)
  await expect.poll(() => runs(next)).toBeGreaterThan(2)
  expect(await runs(old)).toBe(before)
  expect(await active()).toContain(`shop-report@${next}.timer`)
  await host.restart({ powerLoss: true })
  const sofar = await runs(next)
  await expect.poll(() => runs(next)).toBeGreaterThan(sofar + 2)
  expect(await runs(old)).toBe(before)
  await done('status')
  await run(`systemctl stop shop-report@${next}.timer`)
  expect(await fails(3, 'status')).toMatch(/running, report failed/)
  await done('repair', '--force', next)
  await done('status')

  await configure(`processes: { report: { start: 'bin/job', schedule: 'sometimes' } }`)
  expect(await fails(1, 'setup')).toContain("Failed to parse calendar specification 'sometimes'")
  expect(await run('grep OnCalendar /etc/systemd/system/shop-report@.timer')).toBe('OnCalendar=*:*:0/2')
  await configure('')
  await done('setup')
  expect(await run('ls /etc/systemd/system/shop-report* /etc/systemd/system/*.wants/shop-report* 2>/dev/null')).toBe('')
  expect((await active()).filter(unit => unit.includes('report'))).toEqual([])
})
