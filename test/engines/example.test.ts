/** `examples/container`: an image that Docker builds here, and that rootless Podman runs on a real host, deployed under load. */

import { readFile, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyExample, EXAMPLES, setVersion } from '../../dev/examples.ts'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Load, startLoad } from '../../dev/load.ts'
import { type Ended, runTask } from '../../dev/site.ts'
import { exits } from '../support/ended.ts'

const example = EXAMPLES.find(({ name }) => name === 'container') ?? expect.fail('no example container')

let host: TestHost
let folder: string
let load: Load | undefined

beforeAll(async () => {
  host = await startHost({ engines: true })
  folder = await copyExample(example)
  await done('setup')
  await done('deploy')
  await done('migrate')
  await done('promote', 'blue')
})
afterAll(async () => {
  await load?.[Symbol.asyncDispose]()
  await host?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const task = (...args: string[]): Promise<Ended> =>
  runTask(folder, { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }, args).ended

const done = (...args: string[]) => exits(0, task(...args))

async function asRoot(command: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec(`set -e -o pipefail\n${command}`)
  expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

const curl = (path: string, options = '') =>
  asRoot(`curl -sSf -H 'Host: ${example.site}' ${options} http://127.0.0.1${path}`)
const podman = (command: string) =>
  asRoot(`cd / && runuser -u vagrant -- env XDG_RUNTIME_DIR=/run/user/1000 podman ${command}`)
const images = async () => (await podman("images --format '{{.Repository}}'")).split('\n').filter(Boolean)

it('examples/container, deployed, migrated, promoted and rolled back under load, fails no request and keeps what users stored', async () => {
  await curl('/it', "-X PUT -d 'it stays'")
  load = await startLoad({
    url: `http://127.0.0.1:${host.httpPort}`,
    host: example.site,
    clients: example.clients,
    headers: [example.versionHeader],
    maxSeconds: 250,
  })
  await setVersion(folder, example, '0.2.0')
  await done('deploy')
  expect(await done('migrate', '--slot', 'green', '--verbose')).toContain('The pastes are up to date.')
  await done('promote', 'green')
  expect(JSON.parse(await curl('/health'))).toEqual({ version: '0.2.0' })
  await done('rollback')
  const { failed, sent, kinds, endedBy } = await load.stop()
  expect({ failed, endedBy }).toEqual({ failed: 0, endedBy: 'stop' })
  expect(sent).toBeGreaterThan(300)
  expect(kinds.fresh.seen.map(({ value }) => value)).toEqual(['0.1.0', '0.2.0', '0.1.0'])
  expect(await curl('/it')).toBe('it stays')
  expect(await asRoot('stat -c %U /srv/pastes/shared/data/pastes/it')).toBe('vagrant\n')
})

it('status, logs and exec see into the containers of both slots', async () => {
  expect(await done('status')).toMatch(/blue.*0\.1\.0[\s\S]*green.*0\.2\.0/)
  expect(await done('logs', '--slot', 'green')).toContain('pastes 0.2.0 listens on 127.0.0.1:5500')
  const { code, stdout, stderr } = await task('exec', '--slot', 'green', '--', '/pastes', 'nonsense')
  expect({ code, stdout, stderr }).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('pastes serve | migrate'),
  })
})

it('a release that cannot start its container fails its deploy, and the live slot is as it was', async () => {
  const runtime = "start: ['serve']"
  const taskfile = `${folder}/Taskfile.ts`
  await setVersion(folder, example, '0.3.0')
  const text = await readFile(taskfile, 'utf8')
  await writeFile(taskfile, text.replace(runtime, "start: ['nonsense']"))
  await done('setup')
  const { code, stdout, stderr } = await task('deploy')
  await writeFile(taskfile, text)
  await done('setup')
  expect([1, 3]).toContain(code)
  expect(stdout + stderr).toContain('pastes serve | migrate')
  expect(JSON.parse(await curl('/health'))).toEqual({ version: '0.1.0' })
})

it('prune removes the images of the releases that it removes, and none that a slot has', async () => {
  expect(await images()).toHaveLength(3)
  await done('deploy', '--release', '0.2.0')
  expect(await done('prune', '--keep', '0')).toContain('0.3.0')
  expect(await images()).toHaveLength(2)
  expect(JSON.parse(await curl('/health'))).toEqual({ version: '0.1.0' })
})

it('remove leaves no container and no image behind, and keeps the data', async () => {
  await done('remove', '--force', '--yes-remove', 'pastes')
  expect(await images()).toEqual([])
  expect(await podman('ps --all --quiet')).toBe('')
  expect(await asRoot('cat /srv/pastes/shared/data/pastes/it')).toBe('it stays')
})
