/** What a crash loop leaves behind: a start by a command begins at once, however the process was stopped, for each kind of unit. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { runTask } from '../../dev/site.ts'
import { SERVER } from '../../dev/small-server.ts'
import { writeApp } from '../support/app.ts'

/** A process that ends at once while the host has a file for it and its slot. */
const FRAGILE = `#!/bin/bash
if [ -e "/opt/broken-$1-$SWITCHYARD_SLOT" ]; then echo "the $1 is broken"; exit 1; fi
if [ "$1" = web ]; then exec bin/server; fi
while :; do sleep 0.2; done
`
const TASKFILE = `
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({
    start: 'bin/fragile web',
    processes: { worker: 'bin/fragile worker', scheduler: { start: 'bin/fragile scheduler', when: 'live' } },
  }),
  router: nginx({ site: 'shop.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback, restart, repair, status } = tasks
`
/** Seconds. A start that counts those of the crash loop pauses for 59. */
const AT_ONCE = 30

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv
let version = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-crash-loop-'))
  await writeApp(folder, { server: SERVER, fragile: FRAGILE })
  await writeFile(join(folder, 'Taskfile.ts'), TASKFILE)
  host = await startHost()
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  await done('setup')
  await deploy('--promote')
  await deploy()
})
afterAll(async () => {
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function done(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runTask(folder, env, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
}
async function deploy(...args: string[]): Promise<void> {
  version += 1
  await writeFile(join(folder, 'app/VERSION'), `1.${version}.0\n`)
  await done('deploy', ...args)
}
async function root(command: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec(command)
  expect(code, command + stderr).toBe(0)
  return stdout.trim()
}

type Kind = 'web' | 'worker' | 'scheduler'
type State = 'auto-restart' | 'start-pre'
const name = (kind: Kind) => (kind === 'web' ? 'shop' : `shop-${kind}`)
const unit = (kind: Kind, slot: string) => `${name(kind)}@${slot}.service`
const show = (kind: Kind, slot: string, property: string) =>
  root(`systemctl show --property=${property} --value ${unit(kind, slot)}`)
const live = () => root('curl -s http://127.0.0.1/deployment_id -H "Host: shop.example"')
const idle = async () => ((await live()) === 'blue' ? 'green' : 'blue')

/** Sets how long a unit stays between two attempts, before its pause: by default so short that it is then found in its pause. */
const between = (kind: Kind, state: State) => {
  const folder = `/etc/systemd/system/${name(kind)}@.service.d`
  const longer = `mkdir -p ${folder} && printf '[Service]\\nRestartSec=300\\n' > ${folder}/test.conf`
  return root(`${state === 'auto-restart' ? longer : `rm -rf ${folder}`}; systemctl daemon-reload`)
}

/** Brings processes of a slot into a crash loop whose next pause is the longest, until they wait in a state; mends them while they do. */
async function crashLoop(slot: string, state: State, ...kinds: readonly Kind[]): Promise<void> {
  for (const kind of kinds) {
    await between(kind, state)
    await root(`touch /opt/broken-${kind}-${slot}
echo "9 $(( $(date +%s) + 600 ))" > /run/switchyard-${name(kind)}-${slot}/tries
systemctl kill --signal KILL ${unit(kind, slot)}`)
  }
  for (const kind of kinds) await expect.poll(() => show(kind, slot, 'SubState')).toBe(state)
  for (const kind of kinds) await root(`rm /opt/broken-${kind}-${slot}`)
}

/** That processes run, and how long after the start of their unit they began. */
async function assertBegan(slot: string, ...kinds: readonly Kind[]): Promise<void> {
  for (const kind of kinds) {
    await expect.poll(() => show(kind, slot, 'SubState'), { message: unit(kind, slot) }).toBe('running')
    const [from, to] = [
      await show(kind, slot, 'InactiveExitTimestampMonotonic'),
      await show(kind, slot, 'ExecMainStartTimestampMonotonic'),
    ]
    expect((Number(to) - Number(from)) / 1_000_000, unit(kind, slot)).toBeLessThan(AT_ONCE)
  }
}

it('a process in a crash loop pauses for a minute, if nobody starts it', async () => {
  const slot = await idle()
  await crashLoop(slot, 'start-pre', 'worker')
  await expect.poll(() => show('worker', slot, 'SubState')).toBe('running')
  const [from, to] = [
    await show('worker', slot, 'InactiveExitTimestampMonotonic'),
    await show('worker', slot, 'ExecMainStartTimestampMonotonic'),
  ]
  expect((Number(to) - Number(from)) / 1_000_000).toBeGreaterThan(AT_ONCE)
})

describe.each<State>(['auto-restart', 'start-pre'])('in %s', state => {
  it('a deploy starts the processes of the slot at once', async () => {
    const slot = await idle()
    await crashLoop(slot, state, 'web', 'worker')
    await deploy()
    await assertBegan(slot, 'web', 'worker')
  })

  it('a deploy does after somebody stopped them by hand', async () => {
    const slot = await idle()
    await crashLoop(slot, state, 'web', 'worker')
    await root(`systemctl stop ${unit('web', slot)} ${unit('worker', slot)}`)
    await deploy()
    await assertBegan(slot, 'web', 'worker')
  })

  it('a restart does, and moves the traffic', async () => {
    const slot = await idle()
    await crashLoop(slot, state, 'web', 'worker')
    await done('restart')
    expect(await live()).toBe(slot)
    await assertBegan(slot, 'web', 'worker', 'scheduler')
  })

  it('a repair starts what runs only in the live slot', async () => {
    const slot = await live()
    await crashLoop(slot, state, 'scheduler')
    await done('repair', '--force', slot)
    await assertBegan(slot, 'scheduler')
  })

  it('a rollback does, after the promote had stopped it in its crash loop', async () => {
    const [from, to] = [await live(), await idle()]
    await crashLoop(from, state, 'scheduler')
    await done('promote', to)
    await done('rollback')
    await assertBegan(from, 'scheduler')
  })
})

it('after a reboot in a crash loop the processes start at once, and so does a deploy', async () => {
  const [from, to] = [await live(), await idle()]
  await crashLoop(to, 'start-pre', 'web', 'worker')
  await crashLoop(from, 'start-pre', 'scheduler')
  await host.restart({ powerLoss: true })
  await assertBegan(to, 'web', 'worker')
  await assertBegan(from, 'web', 'worker', 'scheduler')
  await deploy()
  await assertBegan(to, 'web', 'worker')
  await done('status')
})
