/** A manager that is lost, of three, while the site is under load: another one leads, or another one is asked. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startSwarm, type TestSwarm } from '../../dev/swarm.ts'
import { type SwarmSite, startSwarmSite } from '../support/swarm-app.ts'
import { CLIENTS, failedIn, underLoadOf } from '../support/swarm-load.ts'

let swarm: TestSwarm
let site: SwarmSite
let version = 1

const NODES = [1, 2, 3]

beforeAll(async () => {
  swarm = await startSwarm(3, 3)
  site = await startSwarmSite(swarm)
  await site.option('replicas', '3')
  await site.release('0.1.0')
  await done('setup')
  await done('deploy')
  await done('promote', 'blue')
}, 900_000)
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
  await swarm?.[Symbol.asyncDispose]()
})
beforeEach(() => site.option('manager', "['n1', 'n2', 'n3'].map(at)"))

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.task(...args)
  expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

const agreed = () =>
  expect.poll(async () => (await site.task('status')).code, { timeout: 180_000, interval: 500 }).toBe(0)
const served = (nodes: readonly number[]) =>
  Promise.all(nodes.map(async node => JSON.parse(await (await fetch(swarm.url(node))).text()).version as string))
const all = (nodes: readonly number[], version: string) => nodes.map(() => version)
const errorsIn = (stderr: string) => stderr.match(/^error: /gm) ?? []

async function live(): Promise<{ slot: string; leader: number }> {
  const { stdout } = await site.task('status', '--json')
  const { data } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  const leader = data.nodes.find(({ role }: { role: string }) => role === 'leader').node
  return { slot: data.live, leader: Number(leader.slice(1)) }
}

/** A new release, and where the next runs go: not to the leader. */
async function next() {
  version += 1
  await site.release(`0.${version}.0`)
  const { slot, leader } = await live()
  const others = NODES.filter(node => node !== leader)
  await site.option('manager', `[${others.map(node => `'n${node}'`)}, 'n${leader}'].map(at)`)
  const [manager = 0, second = 0] = others
  return { idle: slot === 'blue' ? 'green' : 'blue', leader, manager, second, others, new: `0.${version}.0` }
}

/** What the engine cannot keep: the requests that were in flight to a task on the machine that died. */
const inFlight = (nodes: readonly number[]) => nodes.length * CLIENTS

/** The probes of a promote begin before the routers are told. */
const PROBES = '.switchyard-probes.*'

it('the leader dies during a deploy: another one leads, and the deploy goes on', async () => {
  const { idle, leader, others, new: wanted } = await next()
  const [before = ''] = await served(others)
  const reports = await underLoadOf(swarm, others, async () => {
    const deploy = site.start('deploy', '--verbose')
    await deploy.says(/ok: Ask the routers which slot is live/)
    await swarm.kill(leader)
    const { code, stdout, stderr } = await deploy.ended
    expect(code, stdout + stderr).toBe(0)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  expect(await served(others)).toEqual(all(others, before))
  expect(await site.task('promote', idle)).toMatchObject({ code: 3, stderr: expect.stringContaining('[NODE_DOWN]') })
  await swarm.boot(leader)
  await agreed()
  await done('promote', idle)
  expect(await served(NODES)).toEqual(all(NODES, wanted))
})

it('the leader dies at the switch: all others go back, and it comes back with their route', async () => {
  const { idle, leader, manager, others } = await next()
  const [before = ''] = await served(others)
  await done('deploy')
  const reports = await underLoadOf(swarm, others, async () => {
    const killing = swarm.when(PROBES, 'kill', leader, manager)
    const { code, stderr } = await site.task('promote', idle)
    await killing
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`n${leader}`) })
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  expect(await served(others)).toEqual(all(others, before))
  await swarm.boot(leader)
  await agreed()
  expect(await served(NODES)).toEqual(all(NODES, before))
})

it('the leader dies after the switch: the others serve on, and it comes back with the new route', async () => {
  const { idle, leader, others, new: wanted } = await next()
  await done('deploy')
  await done('promote', idle)
  const reports = await underLoadOf(swarm, others, async () => {
    await swarm.kill(leader)
    const { code, stderr } = await site.task('status')
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining(`n${leader}`) })
    expect(errorsIn(stderr)).toHaveLength(1)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  await swarm.boot(leader)
  await agreed()
  expect(await served(NODES)).toEqual(all(NODES, wanted))
})

it('the manager of a run dies at the switch: the run goes back through another one, and says so', async () => {
  const { idle, manager, second, leader } = await next()
  const others = [second, leader]
  const [before = ''] = await served(others)
  await done('deploy')
  const reports = await underLoadOf(swarm, others, async () => {
    const promote = site.start('promote', idle, '--watch', '1m')
    await expect
      .poll(async () => (await site.task('status')).stderr, { timeout: 60_000 })
      .toContain('[SWITCH_UNFINISHED]')
    await swarm.kill(manager)
    const { code, stderr } = await promote.ended
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`n${manager} was lost during the switch.*\\[MANAGER_LOST\\]\n +next: `)),
    })
    expect(stderr).toMatch(new RegExp(`n${manager} could not be told to go back.*\\[NODES_IN_DOUBT\\]`))
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  expect(await served(others)).toEqual(all(others, before))
  await swarm.boot(manager)
  await agreed()
  expect(await served(NODES)).toEqual(all(NODES, before))
})

it('the manager of a run dies during a deploy: the next run takes another one, once the lock is free', async () => {
  const { idle, manager, second, leader, new: wanted } = await next()
  const others = [second, leader]
  const deploy = site.start('deploy', '--verbose', '--lock-wait', '2m')
  await deploy.says(/tasks run/)
  await swarm.kill(manager)
  const { code, stderr } = await deploy.ended
  // The command that ran, or the next one.
  const lost = expect.stringMatching(/\[(CONNECTION_LOST|HOST_UNREACHABLE)\]\n +next: /)
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: lost })
  await done('deploy', '--lock-wait', '2m')
  expect(await served(others)).not.toContain(wanted)
  await swarm.boot(manager)
  await agreed()
  await done('promote', idle)
  expect(await served(NODES)).toEqual(all(NODES, wanted))
})

it('two of three managers die: no command can change anything, each says why, and the third serves on', async () => {
  const { manager, second, leader } = await next()
  const [before = ''] = await served([manager])
  await swarm.kill(leader)
  await swarm.kill(second)
  const reports = await underLoadOf(swarm, [manager], async () => {
    for (const command of ['deploy', 'status']) {
      const { code, stderr } = await site.task(command)
      expect({ code, stderr }).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/\[SWARM_WITHOUT_QUORUM\]\n +next: /),
      })
      expect(errorsIn(stderr)).toHaveLength(1)
    }
  })
  expect(reports[0]?.ok).toBeGreaterThan(500)
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight([manager]))
  await swarm.boot(leader)
  await swarm.boot(second)
  await agreed()
  expect(await served(NODES)).toEqual(all(NODES, before))
})
