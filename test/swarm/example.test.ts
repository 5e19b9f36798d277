/** `examples/swarm`: a Python application on three nodes. */
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runTask } from '../../dev/site.ts'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'

const HOME = fileURLToPath(new URL('../..', import.meta.url))

let swarm: TestSwarm
let folder: string

beforeAll(async () => {
  swarm = await startSwarm(3)
  folder = await mkdtemp(join(tmpdir(), 'switchyard-clock-'))
  await cp(join(HOME, 'examples/swarm'), folder, { recursive: true })
  await mkdir(join(folder, 'node_modules'))
  await symlink(HOME, join(folder, 'node_modules/switchyard-deploy'))
}, 900_000)
afterAll(async () => {
  await swarm?.[Symbol.asyncDispose]()
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function done(...args: string[]): Promise<string> {
  const { sshConfigFile: SSH_CONFIG, registry: REGISTRY, routerImage: ROUTER_IMAGE } = swarm
  const env = { ...process.env, CI: '1', MANAGER: 'm1', SSH_CONFIG, REGISTRY, ROUTER_IMAGE }
  const { code, stdout, stderr } = await runTask(folder, env, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

it('examples/swarm is set up, deployed, migrated, promoted, scaled and rolled back, and all of a release in one command', async () => {
  await done('setup')
  await done('deploy')
  await done('promote', 'blue')
  await writeFile(join(folder, 'app/VERSION'), '0.2.0\n')
  await done('deploy')
  expect(await done('migrate', '--slot', 'green', '--verbose')).toContain('nothing to migrate')
  await done('promote', 'green')
  expect(await (await fetch(swarm.url(3))).json()).toMatchObject({ version: '0.2.0', slot: 'green' })
  await done('scale', 'green', '4')
  await done('rollback')
  expect(await (await fetch(swarm.url(2))).json()).toMatchObject({ version: '0.1.0', slot: 'blue' })
  expect(await done('status')).toContain('All routers agree with the records: blue.')
  await writeFile(join(folder, 'app/VERSION'), '0.3.0\n')
  expect(await done('deploy', '--migrate', '--promote', '--verbose')).toContain('nothing to migrate')
  expect(await (await fetch(swarm.url(1))).json()).toMatchObject({ version: '0.3.0', slot: 'green' })
})
