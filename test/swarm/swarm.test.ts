/** `swarm()` on three engines: the whole life of an application, under load. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../dev/load.ts'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'
import { SECRET, type SwarmSite, startSwarmSite } from '../support/swarm-app.ts'
import { failedIn, underLoadOf } from '../support/swarm-load.ts'

let swarm: TestSwarm
let site: SwarmSite

beforeAll(async () => {
  swarm = await startSwarm(3)
  site = await startSwarmSite(swarm)
  await site.release('0.1.0')
}, 900_000)
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
  await swarm?.[Symbol.asyncDispose]()
})

const NODES = [1, 2, 3]

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.task(...args)
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  expect(stdout + stderr).not.toContain(SECRET)
  return stdout + stderr
}

async function fails(code: number, ...args: string[]): Promise<string> {
  const ended = await site.task(...args)
  expect(ended.code, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toBe(code)
  expect(ended.stdout + ended.stderr).not.toContain(SECRET)
  return ended.stdout + ended.stderr
}

const ask = async (node: number, path = '/'): Promise<string> => (await fetch(swarm.url(node) + path)).text()
const versions = () => Promise.all(NODES.map(async node => JSON.parse(await ask(node)).version as string))

const underLoad = (work: () => Promise<unknown>) => underLoadOf(swarm, NODES, work)
const seenIn = (reports: readonly Report[]) => reports.map(({ kinds }) => kinds.fresh.seen.map(({ value }) => value))

describe.sequential('a swarm', () => {
  it('refuses to deploy before the setup, which a second one finds done', async () => {
    expect(await fails(3, 'deploy')).toContain('[SWARM_NOT_SET_UP]')
    expect(await done('setup')).toContain('a router on each of 3 nodes')
    expect(await done('setup')).toContain('nothing to do')
    expect(await ask(2)).toContain('no slot is live')
  })

  it('deploys to the idle slot, whose variables reach the tasks in no argument, and promotes it on every node', async () => {
    await done('deploy')
    expect((await fetch(swarm.url(1))).status).toBe(503)
    const spec = await swarm.exec(
      1,
      "docker service inspect life_blue --format '{{json .Spec.TaskTemplate.ContainerSpec}}'",
    )
    expect(JSON.parse(spec).Image).toMatch(/^10\.77\.0\.254:5000\/life(:[^@]+)?@sha256:/)
    await done('promote', 'blue')
    expect(await versions()).toEqual(['0.1.0', '0.1.0', '0.1.0'])
    expect(await ask(3, '/variable/DATABASE_URL')).toBe(`ecto://life:${SECRET}@db/life`)
    expect(await ask(3, '/variable/SPACED')).toBe('a b')
    expect(await ask(3, '/variable/HOME')).toBe('/nowhere')
  })

  it('loses no request in four switches under load, and no node serves two versions in turns', async () => {
    await site.release('0.2.0')
    await done('deploy')
    const reports = await underLoad(async () => {
      for (const [command, ...args] of [['promote', 'green'], ['rollback'], ['promote', 'green'], ['rollback']])
        expect(await done(command ?? '', ...args)).toMatch(/\d+ probes, 0 failed/)
    })
    expect(failedIn(reports)).toBe(0)
    expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBeGreaterThan(500)
    expect(seenIn(reports)).toEqual(NODES.map(() => ['0.1.0', '0.2.0', '0.1.0', '0.2.0', '0.1.0']))
  })

  it('the same load sees what a switch without the routers loses', async () => {
    const reports = await underLoad(async () => {
      await swarm.exec(1, 'docker service scale --detach life_blue=0')
      await expect.poll(async () => (await fetch(swarm.url(1))).status, { timeout: 60_000 }).toBe(503)
      await swarm.exec(1, 'docker service scale --detach life_blue=3')
    })
    expect(failedIn(reports)).toBeGreaterThan(0)
    await done('scale', 'blue', '3')
  })

  it('migrates in one task whose exit code counts, and shows its output', async () => {
    const output = await done('migrate', '--slot', 'green', '--verbose')
    expect(output).toContain('migrating to 0.2.0 with ')
    expect(output).toContain('migrated')
    await site.release('0.3.0', 'migration')
    await done('deploy')
    const failed = await fails(1, 'migrate')
    expect(failed).toContain('the column is gone')
    expect(failed).toMatch(/exit code 4\..*\[MIGRATION_FAILED_IN_TASK\]/)
    expect(await swarm.exec(1, "docker service ls --format '{{.Name}}'")).not.toContain('migration')
  })

  it('status shows nodes, slots, tasks and routes, also as JSON', async () => {
    expect(await done('status')).toMatch(/blue +live +0\.1\.0-\w{7} +3 of 3 +n1 n2 n3/)
    const { stdout } = await site.task('status', '--json')
    const { data } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    expect(data).toMatchObject({ live: 'blue', agreed: true, moving: null })
    expect(data.nodes).toHaveLength(3)
    expect(new Set(data.nodes.map(({ route }: { route: { slot: string } }) => route.slot))).toEqual(new Set(['blue']))
    expect(data.slots[1]).toMatchObject({ slot: 'green', live: false, running: 3, replicas: 3 })
  })

  it('scale changes the tasks of a slot, and the next deploy keeps its size for the other one', async () => {
    await done('scale', 'blue', '4')
    await site.release('0.4.0')
    expect(await done('deploy')).toContain('in green, 4 tasks')
    expect(await fails(2, 'scale', 'blue', '33')).toContain('[REPLICAS_TOO_MANY]')
  })

  it.each([
    ['fails its health path', 'ill', 'TASKS_LATE'],
    ['ends at once', 'ends', 'TASKS_FAIL'],
  ] as const)('a release that %s never becomes live, and the live slot is as it was', async (_, fault, code) => {
    await site.option('health', '{ within: 12_000 }')
    await site.release('0.5.0', fault)
    const output = await fails(1, 'deploy')
    expect(output).toContain(`[${code}]`)
    expect(output).toContain('The live slot is as it was.')
    expect(await fails(3, 'promote', 'green')).toContain('[SLOT_NOT_READY]')
    expect(await versions()).toEqual(['0.1.0', '0.1.0', '0.1.0'])
    await site.option('health', '{ within: 60_000 }')
  })

  it('console enters a running task, also on another node, and ends with its exit code', async () => {
    const { code, stdout } = await site.feed('cat /app/version; echo "$SLOT"; exit 7\n', 'console', '--slot', 'blue')
    expect({ code, stdout }).toEqual({ code: 7, stdout: expect.stringContaining('0.1.0\nblue\n') })
    await site.option('constraints', "['node.role==worker']")
    await site.release('0.5.0')
    await done('deploy')
    expect(await site.feed('echo "on $NODE"; exit 8\n', 'console', 'green')).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/on n[23]/),
    })
    await site.option('constraints', '')
  })

  it('a manager that was taken out is refused, because it cannot reach the routers', async () => {
    await swarm.exec(1, 'docker node update --availability pause n1 > /dev/null')
    expect(await fails(3, 'promote', 'green')).toContain('[MANAGER_TAKEN_OUT]')
    await swarm.exec(1, 'docker node update --availability active n1 > /dev/null')
  })

  it('without a registry it sends to each node the layers that it lacks', async () => {
    await site.option('registry', '')
    await site.release('0.6.0')
    const sent = await done('deploy', '--verbose')
    expect(sent).toContain('to 3 nodes')
    // The manager has pushed an image with the same base before.
    expect(sent).toMatch(/n1 lacks [12] of \d layers, [\d.]+ k?B/)
    await done('promote', 'green')
    expect((await done('deploy', '--verbose')).match(/n\d has the image/g)).toHaveLength(3)
    expect(await versions()).toEqual(['0.6.0', '0.6.0', '0.6.0'])
    await site.option('registry', "env.REGISTRY + '/life'")
  })

  it('history tells what was done', async () => {
    const output = await done('history')
    for (const what of ['setup', 'blue -> green', 'failed: TASKS_LATE']) expect(output).toContain(what)
  })
})
