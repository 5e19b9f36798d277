/** `examples/fleet`: the same Taskfile with one host, and with four, under load. */

import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { installCommand } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { startLoad } from '../../dev/load.ts'
import { HOME } from '../../dev/paths.ts'
import { runTask } from '../../dev/site.ts'
import { joinConfigs } from '../../dev/ssh-configs.ts'
import { sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3', 'web-4'] as const

let hosts: readonly TestHost[] = []
let folder: string
let config: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-clock-'))
  for (const part of ['examples/fleet', 'examples/swarm/app'])
    await cp(join(HOME, part), join(folder, part), { recursive: true })
  await mkdir(join(folder, 'node_modules'))
  await symlink(HOME, join(folder, 'node_modules/switchyard-deploy'))
  hosts = await Promise.all(NAMES.map(() => startHost()))
  config = join(folder, 'ssh_config')
  const files = hosts.map(({ sshConfigFile }) => sshConfigFile)
  await joinConfigs(config, files, NAMES)
  for (const host of hosts) expect(await host.exec(installCommand(['python3']))).toMatchObject({ code: 0 })
})
afterAll(async () => {
  await Promise.all(hosts.map(host => host.stop()))
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Runs `task` for these hosts. */
async function done(names: readonly string[], ...args: string[]): Promise<string> {
  const env = { ...process.env, CI: '1', SSH_CONFIG: config, HOSTS: names.join(',') }
  const { code, stdout, stderr } = await runTask(join(folder, 'examples/fleet'), env, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}
const version = (text: string) => writeFile(join(folder, 'examples/swarm/app/VERSION'), `${text}\n`)
const load = (host: TestHost) =>
  startLoad({
    url: `http://127.0.0.1:${host.httpPort}`,
    host: 'clock.example',
    clients: { keepAlive: 1, fresh: 1, idle: 0, post: 0, slow: 0, socket: 0 },
    paths: { get: '/' },
    pauseMs: { keepAlive: 20, fresh: 20 },
  })
/** The version that each host serves; undefined if it serves none. */
const served = () =>
  Promise.all(
    hosts.map(async host => {
      const { stdout } = await host.exec(`curl -s -H 'Host: clock.example' http://127.0.0.1/ || printf ''`)
      return /"version": "([\d.]+)"/.exec(stdout)?.[1]
    }),
  )

it('examples/fleet is deployed to one host, then to four with the same Taskfile, and rolled back on all', async () => {
  const one = NAMES.slice(0, 1)
  await done(one, 'setup')
  await done(one, 'deploy')
  expect(await done(one, 'migrate', '--verbose')).toContain('nothing to migrate')
  await done(one, 'promote', 'blue')
  expect(await served()).toEqual(['0.1.0', undefined, undefined, undefined])

  const first = [await load(hosts[0] ?? expect.fail('there is a first host'))]
  await done(NAMES, 'setup')
  await version('0.2.0')
  await done(NAMES, 'deploy', '--promote')
  expect(await served()).toEqual(NAMES.map(() => '0.2.0'))
  expect(await sumOf(first)).toMatchObject({ failed: 0 })

  const all = await Promise.all(hosts.map(load))
  await version('0.3.0')
  await done(NAMES, 'deploy', '--promote')
  expect(await served()).toEqual(NAMES.map(() => '0.3.0'))
  await done(NAMES, 'rollback')
  expect(await served()).toEqual(NAMES.map(() => '0.2.0'))
  expect(await done(NAMES, 'status')).toMatch(/All 4 hosts serve \w+, 0\.2\.0-/)
  const { failed, sent } = await sumOf(all)
  expect(failed).toBe(0)
  expect(sent).toBeGreaterThan(100)
})
