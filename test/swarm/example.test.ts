/**
 * `examples/swarm`: a Python application on three nodes, from the setup to a switch under load, with nothing left of it afterwards. CI runs this file, in a job
 * of its own.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../dev/load.ts'
import { HOME } from '../../dev/paths.ts'
import { runTask } from '../../dev/site.ts'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'
import { failedIn, seenIn, sentIn, underLoadOf } from '../support/swarm-load.ts'

const NODES = [1, 2, 3]

let swarm: TestSwarm
let folder: string
let over = false

beforeAll(async () => {
  swarm = await startSwarm(NODES.length)
  folder = await mkdtemp(join(tmpdir(), 'switchyard-clock-'))
  await cp(join(HOME, 'examples/swarm'), folder, { recursive: true })
  await mkdir(join(folder, 'node_modules'))
  await symlink(HOME, join(folder, 'node_modules/switchyard-deploy'))
}, 900_000)
afterAll(async () => {
  if (!over) await swarm?.[Symbol.asyncDispose]()
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function done(...args: string[]): Promise<string> {
  const { sshConfigFile: SSH_CONFIG, registry: REGISTRY, routerImage: ROUTER_IMAGE } = swarm
  const env = { ...process.env, CI: '1', MANAGER: 'm1', SSH_CONFIG, REGISTRY, ROUTER_IMAGE }
  const { code, stdout, stderr } = await runTask(folder, env, args).ended
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

const answerOf = async (node: number) => (await fetch(swarm.url(node))).json()

const underLoad = (work: () => Promise<unknown>): Promise<readonly Report[]> => underLoadOf(swarm, NODES, work)

const TRACES = `ip -oneline link | grep -o 'switchyard-n[0-9]*'
find /sys/fs/cgroup -maxdepth 2 -name 'switchyard-n*'
grep -lF -f - /proc/[0-9]*/cmdline <<< "$machines" 2> /dev/null
ls -d "$machines" 2> /dev/null
true`

/** What this machine has of the swarm: the device of its network, control groups, processes and files. */
async function traces(machines: string): Promise<readonly string[]> {
  // In the environment, because an argument would be such a process.
  const { stdout } = await promisify(execFile)('bash', ['-c', TRACES], { env: { ...process.env, machines } })
  return stdout.split('\n').filter(Boolean)
}

describe.sequential('examples/swarm', () => {
  it('is set up, deployed, migrated, promoted, scaled and rolled back, and all of a release in one command', async () => {
    await done('setup')
    await done('deploy')
    await done('promote', 'blue')
    await writeFile(join(folder, 'app/VERSION'), '0.2.0\n')
    await done('deploy')
    expect(await done('migrate', '--slot', 'green', '--verbose')).toContain('nothing to migrate')
    await done('promote', 'green')
    expect(await answerOf(3)).toMatchObject({ version: '0.2.0', slot: 'green' })
    await done('scale', 'green', '4')
    await done('rollback')
    expect(await answerOf(2)).toMatchObject({ version: '0.1.0', slot: 'blue' })
    expect(await done('status')).toContain('All routers agree with the records: blue.')
    await writeFile(join(folder, 'app/VERSION'), '0.3.0\n')
    expect(await done('deploy', '--migrate', '--promote', '--verbose')).toContain('nothing to migrate')
    expect(await answerOf(1)).toMatchObject({ version: '0.3.0', slot: 'green' })
  })

  it('loses no request in four switches under load, and no node serves two versions in turns', async ({ annotate }) => {
    const reports = await underLoad(async () => {
      for (const [command, ...args] of [['promote', 'blue'], ['rollback'], ['promote', 'blue'], ['rollback']])
        expect(await done(command ?? '', ...args)).toMatch(/\d+ probes, 0 failed/)
    })
    await annotate(`${failedIn(reports)} of ${sentIn(reports)} requests lost`)
    expect(failedIn(reports)).toBe(0)
    expect(sentIn(reports)).toBeGreaterThan(500)
    expect(seenIn(reports)).toEqual(NODES.map(() => ['0.3.0', '0.1.0', '0.3.0', '0.1.0', '0.3.0']))
  })

  it('the same load sees what a switch without the routers loses', async () => {
    const reports = await underLoad(async () => {
      await swarm.exec(1, 'docker service scale --detach clock_green=0')
      await expect.poll(async () => (await fetch(swarm.url(1))).status, { timeout: 60_000 }).toBe(503)
    })
    expect(failedIn(reports)).toBeGreaterThan(0)
  })

  it('leaves nothing on this machine', async () => {
    const machines = join(dirname(swarm.sshConfigFile), 'machines')
    const found = await traces(machines)
    for (const trace of ['switchyard-n0', 'cgroup', 'cmdline', machines])
      expect(found).toContainEqual(expect.stringContaining(trace))
    over = true
    await swarm[Symbol.asyncDispose]()
    await expect.poll(() => traces(machines), { timeout: 30_000 }).toEqual([])
  })
})
