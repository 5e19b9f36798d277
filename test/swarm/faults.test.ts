/** What a swarm can lose while it is deployed to: a node, the registry, the client. Afterwards all routers are old or all are new, or one command mends it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'
import { type SwarmSite, startSwarmSite } from '../support/swarm-app.ts'
import { CLIENTS, failedIn, underLoadOf } from '../support/swarm-load.ts'

let swarm: TestSwarm
let site: SwarmSite
let version = 1

beforeAll(async () => {
  swarm = await startSwarm(3)
  site = await startSwarmSite(swarm)
  await site.option('replicas', '2')
  await site.release('0.1.0')
  await done('setup')
  await done('deploy')
  await done('promote', 'blue')
}, 900_000)
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
  await swarm?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await swarm.mend(3)
  await agreed()
})

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.task(...args)
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

const agreed = () =>
  expect.poll(async () => (await site.task('status')).code, { timeout: 120_000, interval: 500 }).toBe(0)
const served = async (node: number) => JSON.parse(await (await fetch(swarm.url(node))).text()).version as string
const live = async () => {
  const { stdout } = await site.task('status', '--json')
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '').data.live as string
}
const other = (slot: string) => (slot === 'blue' ? 'green' : 'blue')

/** A new release in the idle slot. Resolves to the slot. */
async function prepared(): Promise<string> {
  version += 1
  await site.release(`0.${version}.0`)
  await done('deploy')
  return other(await live())
}

/** The probes of a promote begin before the routers are told. */
const PROBES = '.switchyard-probes.*'

it('a node that is cut off at the switch: all others go back, exit 1, and the node is named', async () => {
  const before = await served(1)
  const slot = await prepared()
  const cutting = swarm.when(PROBES, 'cut', 3)
  const { code, stderr } = await site.task('promote', slot)
  await cutting
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/n3 .*\[NODES_NOT_MOVED\]/) })
  expect(stderr).toMatch(/n3 could not be told to go back.*\[NODES_IN_DOUBT\]/)
  expect([await served(1), await served(2)]).toEqual([before, before])
  expect(await site.task('promote', slot)).toMatchObject({ code: 3, stderr: expect.stringContaining('n3') })
  await swarm.mend(3)
  await agreed()
  expect(await served(3)).toBe(before)
  await done('promote', slot)
  expect(await served(3)).toBe(`0.${version}.0`)
})

it('a node that dies at the switch: all others go back, and it comes back with their route', async () => {
  const before = await served(1)
  const slot = await prepared()
  const killing = swarm.when(PROBES, 'kill', 3)
  expect(await site.task('promote', slot)).toMatchObject({ code: 1, stderr: expect.stringContaining('n3') })
  await killing
  expect([await served(1), await served(2)]).toEqual([before, before])
  await swarm.boot(3)
  await agreed()
  expect(await served(3)).toBe(before)
})

it('a node that dies after the switch: the others serve on under load, and it comes back with the new route', async () => {
  const slot = await prepared()
  await done('promote', slot)
  const reports = await underLoadOf(swarm, [1, 2], async () => {
    await swarm.kill(3)
    await expect
      .poll(async () => (await site.task('status')).stderr, { timeout: 60_000 })
      .toMatch(/n3.*\[NODE_DOWN\]\n +next: /)
    expect(await site.task('rollback')).toMatchObject({ code: 3, stderr: expect.stringContaining('[NODE_DOWN]') })
  })
  // What was in flight to a task on n3.
  expect(failedIn(reports)).toBeLessThanOrEqual(2 * CLIENTS)
  await swarm.boot(3)
  await agreed()
  expect([await served(1), await served(2), await served(3)]).toEqual([1, 2, 3].map(() => `0.${version}.0`))
})

it('a node that dies during a deploy: the engine moves its tasks, and a promote waits for its return', async () => {
  version += 1
  await site.release(`0.${version}.0`)
  const before = await served(1)
  const slot = other(await live())
  const deploy = site.start('deploy', '--verbose')
  await deploy.says(/tasks run/)
  await swarm.kill(3)
  const { code, stdout, stderr } = await deploy.ended
  expect(code, stdout + stderr).toBe(0)
  expect(await served(1)).toBe(before)
  expect(await site.task('promote', slot)).toMatchObject({ code: 3, stderr: expect.stringContaining('n3') })
  await swarm.boot(3)
  await agreed()
  await done('promote', slot)
  expect([await served(1), await served(2), await served(3)]).toEqual([1, 2, 3].map(() => `0.${version}.0`))
})

it('a registry that is down: one cause, one next step, and nothing was changed', async () => {
  await swarm.stopRegistry()
  version += 1
  await site.release(`0.${version}.0`)
  const slots = () => swarm.exec(1, "docker service ls --format '{{.Name}} {{.Image}}' --filter label=switchyard.slot")
  const before = await slots()
  const { code, stderr } = await site.task('deploy')
  await swarm.startRegistry()
  expect(code).toBe(1)
  expect(stderr.match(/^error: /gm)).toHaveLength(1)
  expect(stderr).toMatch(
    /m1 could not send or fetch .*connection refused\. \[REGISTRY_FAILED\]\n +next: Check that the registry runs/,
  )
  expect(await slots()).toBe(before)
})

it('a client that is killed during a promote: the next command says so, and `repair` makes all routers agree', async () => {
  const before = await served(1)
  const slot = await prepared()
  const promote = site.start('promote', slot, '--watch', '30s')
  await expect
    .poll(async () => (await site.task('status')).stderr, { timeout: 60_000 })
    .toContain('[SWITCH_UNFINISHED]')
  promote.kill('SIGKILL')
  await promote.ended
  expect(await site.task('promote', slot, '--lock-wait', '1m')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[SWITCH_UNFINISHED]'),
  })
  await done('repair', '--lock-wait', '1m')
  await agreed()
  expect([await served(1), await served(2), await served(3)]).toEqual([before, before, before])
})

it('a client that is killed at any moment of a switch: one `repair` makes all routers agree, and no request is lost', async () => {
  const reports = await underLoadOf(swarm, [1, 2, 3], async () => {
    for (const ms of [0, 150, 300, 500, 800, 1_200]) {
      const promote = site.start('promote', other(await live()), '--verbose', '--lock-wait', '1m')
      await promote.says(/> Move the traffic on every node/)
      await sleep(ms)
      promote.kill('SIGKILL')
      await promote.ended
      await done('repair', '--lock-wait', '1m')
      await agreed()
      const versions = new Set([await served(1), await served(2), await served(3)])
      expect(versions.size, `killed after ${ms} ms`).toBe(1)
    }
  })
  expect(failedIn(reports)).toBe(0)
})

it('two runs at once: the second one is refused with the owner of the lock', async () => {
  const slot = await prepared()
  const promote = site.start('promote', slot, '--watch', '15s')
  await expect.poll(async () => (await site.task('status')).code, { timeout: 60_000 }).toBe(3)
  expect(await site.task('rollback')).toMatchObject({ code: 3, stderr: expect.stringContaining('[LOCK_TAKEN]') })
  expect((await promote.ended).code).toBe(0)
})
