/** A manager that is lost, of three, while the site is under load: another one leads, or another one is asked. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { failedIn, inFlight, underLoadOf } from '../support/swarm-load.ts'
import { errorsIn, onEach, PROBES, type SwarmRun, startSwarmRun } from '../support/swarm-run.ts'

let run: SwarmRun

beforeAll(async () => {
  run = await startSwarmRun({ managers: 3, replicas: 3 })
}, 900_000)
afterAll(() => run?.[Symbol.asyncDispose]())
beforeEach(async () => {
  await run.site.option('manager', "['n1', 'n2', 'n3'].map(at)")
  await run.mended()
})

/** Who leads, and which of the others the next runs ask first and second. */
async function roles() {
  const { nodes } = await run.status()
  const leader = Number(nodes.find(({ role }) => role === 'leader')?.node.slice(1))
  const others = run.nodes.filter(node => node !== leader)
  await run.site.option('manager', `[${[...others, leader].map(node => `'n${node}'`)}].map(at)`)
  const [manager = 0, second = 0] = others
  return { leader, manager, second, others }
}

it('the leader dies during a deploy: another one leads, and the deploy goes on', async () => {
  const { swarm, site } = run
  const { leader, others } = await roles()
  const { slot, version } = await run.released()
  const [before = ''] = await run.served(others)
  const reports = await underLoadOf(swarm, others, async () => {
    const deploy = site.start('deploy', '--verbose')
    await deploy.says(/ok: Ask the routers which slot is live/)
    await swarm.kill(leader)
    const { code, stdout, stderr } = await deploy.ended
    expect(code, stdout + stderr).toBe(0)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  expect(await run.served(others)).toEqual(onEach(others, before))
  expect(await run.fails(3, 'promote', slot)).toContain('[NODE_DOWN]')
  await swarm.boot(leader)
  await run.agreed()
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('the leader dies at the switch: all others go back, and it comes back with their route', async () => {
  const { swarm, site } = run
  const { leader, manager, others } = await roles()
  const [before = ''] = await run.served(others)
  const { slot } = await run.prepared()
  const reports = await underLoadOf(swarm, others, async () => {
    const killing = swarm.when(PROBES, 'kill', leader, manager)
    const { code, stderr } = await site.task('promote', slot, '--watch', '20s')
    await killing
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`n${leader}`) })
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  expect(await run.served(others)).toEqual(onEach(others, before))
  await swarm.boot(leader)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, before))
})

it('the leader dies after the switch: the others serve on, and it comes back with the new route', async () => {
  const { swarm, site } = run
  const { leader, others } = await roles()
  const { slot, version } = await run.prepared()
  await run.done('promote', slot)
  const reports = await underLoadOf(swarm, others, async () => {
    await swarm.kill(leader)
    const { code, stderr } = await site.task('status')
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining(`n${leader}`) })
    expect(errorsIn(stderr)).toHaveLength(1)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(others))
  await swarm.boot(leader)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('the manager of a run dies at the switch: the run goes back through another one, and says so', async () => {
  const { swarm, site } = run
  const { manager, second, leader } = await roles()
  const others = [second, leader]
  const [before = ''] = await run.served(others)
  const { slot } = await run.prepared()
  const reports = await underLoadOf(swarm, others, async () => {
    const promote = site.start('promote', slot, '--watch', '1m')
    await expect
      .poll(async () => (await site.task('status')).stderr, { timeout: 50_000 })
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
  expect(await run.served(others)).toEqual(onEach(others, before))
  await swarm.boot(manager)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, before))
})

it('the manager of a run dies during a deploy: the next run takes another one, once the lock is free', async () => {
  const { swarm, site } = run
  const { manager, second, leader } = await roles()
  const others = [second, leader]
  const { slot, version } = await run.released()
  const deploy = site.start('deploy', '--verbose')
  await deploy.says(/tasks run/)
  await swarm.kill(manager)
  const { code, stderr } = await deploy.ended
  // Of the command that ran, or of the next one.
  const lost = expect.stringMatching(/\[(CONNECTION_LOST|HOST_UNREACHABLE)\]\n +next: /)
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: lost })
  await run.done('deploy', '--lock-wait', '2m')
  expect(await run.served(others)).not.toContain(version)
  await swarm.boot(manager)
  await run.agreed()
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('a manager that an operator has taken out is passed over, and the run says so', async () => {
  const { swarm } = run
  const { manager } = await roles()
  await swarm.exec(manager, `docker node update --availability drain n${manager} > /dev/null`)
  try {
    const { slot, version } = await run.released()
    const said = await run.done('deploy', '--promote', '--verbose')
    expect(said).toMatch(new RegExp(`is asked instead: n${manager} has the availability drain`))
    const others = run.nodes.filter(node => node !== manager)
    expect(await run.served(others)).toEqual(onEach(others, version))
    expect(await run.done('status')).toContain(`All routers agree with the records: ${slot}.`)
  } finally {
    await swarm.exec(manager, `docker node update --availability active n${manager} > /dev/null`)
  }
  await run.agreed()
})

it('two of three managers die: no command can change anything, each says why, and the third serves on', async () => {
  const { swarm, site } = run
  const { manager, second, leader } = await roles()
  // Spreads the tasks over all nodes, so the third one has a task of its own.
  const { slot, version } = await run.prepared()
  await run.done('promote', slot)
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
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})
