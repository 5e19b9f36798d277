/** What a swarm can lose while it is deployed to: a node, the registry, the client. Afterwards all routers are old or all are new, or one command mends it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { askWhile } from '../support/swarm-faults.ts'
import { failedIn, inFlight, underLoadOf } from '../support/swarm-load.ts'
import { onEach, other, PROBES, type SwarmRun, startSwarmRun } from '../support/swarm-run.ts'

let run: SwarmRun

beforeAll(async () => {
  run = await startSwarmRun()
}, 900_000)
afterAll(() => run?.[Symbol.asyncDispose]())
beforeEach(() => run.mended())

/** Those that no test ends. */
const OTHERS = [1, 2]

it('a node that is cut off at the switch: all others go back, exit 1, and the node is named', async () => {
  const { swarm } = run
  const [before = ''] = await run.served()
  const { slot, version } = await run.prepared()
  const reports = await underLoadOf(swarm, OTHERS, async () => {
    const cutting = swarm.when(PROBES, 'cut', 3)
    const output = await run.fails(1, 'promote', slot, '--watch', '20s')
    await cutting
    expect(output).toMatch(/ n3\b.*\[(NODES_NOT_MOVED|NODES_UNVERIFIED|PROBES_FAILED)\]\n +next: /)
    expect(output).toMatch(
      /n3 could not be told to go back.*\[NODES_IN_DOUBT\]\n +next: .* Once n3 can be reached again, run `npx task repair`\./,
    )
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(OTHERS))
  expect(await run.served(OTHERS)).toEqual(onEach(OTHERS, before))
  expect(await run.fails(3, 'promote', slot)).toContain('n3')
  await swarm.mend(3)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, before))
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('a node that dies at the switch of a deploy: all others go back, the new tasks run on, and it comes back with their route', async () => {
  const { swarm } = run
  const [before = ''] = await run.served()
  const { slot, version } = await run.released()
  const reports = await underLoadOf(swarm, OTHERS, async () => {
    const killing = swarm.when(PROBES, 'kill', 3)
    const output = await run.fails(1, 'deploy', '--promote', '--watch', '20s')
    await killing
    expect(output).toMatch(/n3 may still send requests to them\. \[SLOT_STILL_ROUTED\]\n +next: Once n3 /)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(OTHERS))
  expect(await run.served(OTHERS)).toEqual(onEach(OTHERS, before))
  await swarm.boot(3)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, before))
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('a node that dies after the switch: the others serve on under load, and it comes back with the new route', async () => {
  const { swarm, site } = run
  const { slot, version } = await run.prepared()
  await run.done('promote', slot)
  const reports = await underLoadOf(swarm, OTHERS, async () => {
    await swarm.kill(3)
    await expect
      .poll(async () => (await site.task('status')).stderr, { timeout: 60_000 })
      .toMatch(/n3.*\[NODE_DOWN\]\n +next: /)
    expect(await run.fails(3, 'rollback')).toContain('[NODE_DOWN]')
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(OTHERS))
  await swarm.boot(3)
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('a node that dies during a deploy: the engine moves its tasks, and a promote waits for its return', async () => {
  const { swarm, site } = run
  const { slot, version } = await run.released()
  const [before = ''] = await run.served()
  const reports = await underLoadOf(swarm, OTHERS, async () => {
    const deploy = site.start('deploy', '--verbose')
    await deploy.says(/tasks run/)
    await swarm.kill(3)
    const { code, stdout, stderr } = await deploy.ended
    expect(code, stdout + stderr).toBe(0)
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(OTHERS))
  expect(await run.served(OTHERS)).toEqual(onEach(OTHERS, before))
  expect(await run.fails(3, 'promote', slot)).toContain('n3')
  await swarm.boot(3)
  await run.agreed()
  await run.done('promote', slot)
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('a task of the live slot that dies: `status` says so until the engine has replaced it, and only what it was answering is lost', async () => {
  const { swarm } = run
  const { live, slots } = await run.status()
  const node = Number(slots.find(({ slot }) => slot === live)?.tasks[0]?.node.slice(1))
  const tasks = `docker ps --quiet --filter label=com.docker.swarm.service.name=life_${live}`
  const reports = await underLoadOf(swarm, run.nodes, async () => {
    await swarm.exec(node, `docker kill $(${tasks} | head -n 1)`)
    expect(await run.fails(3, 'status')).toMatch(/\[LIVE_TASKS_(MISSING|UNREACHED)\]\n +next: /)
    await run.agreed()
  })
  expect(failedIn(reports)).toBeLessThanOrEqual(inFlight(run.nodes))
})

it('requests that a task has not answered when it dies are answered by another one, if they only read', async () => {
  const { gets, posts } = await askWhile(run, ({ node, container }) =>
    run.swarm.exec(node, `docker kill ${container} > /dev/null`),
  )
  expect(gets).toEqual(gets.map(() => 200))
  expect(posts).toContain(502)
  await run.agreed()
})

it('so are requests to a task whose node is gone from the network', async ({ annotate }) => {
  let back = async () => {}
  const { gets, posts, ms } = await askWhile(run, async ({ node, goOn }) => {
    await run.swarm.cut(node)
    back = async () => {
      await run.swarm.mend(node)
      await goOn()
    }
  })
  await annotate(`the last of ${gets.length + posts.length} requests was answered ${ms} ms after the cut`)
  expect(gets).toEqual(gets.map(() => 200))
  expect(posts).toContain(502)
  await back()
  await run.agreed()
})

it('a registry that is down: one cause, one next step, and nothing was changed', async () => {
  const { swarm } = run
  await swarm.stopRegistry()
  await run.released()
  const slots = () => swarm.exec(1, "docker service ls --format '{{.Name}} {{.Image}}' --filter label=switchyard.slot")
  const before = await slots()
  const output = await run.fails(1, 'deploy').finally(() => swarm.startRegistry())
  expect(output).toMatch(
    /m1 could not send or fetch .*connection refused\. \[REGISTRY_FAILED\]\n +next: Check that the registry runs/,
  )
  expect(await slots()).toBe(before)
})

it('a registry that one node does not reach: the node is named, and the live slot is as it was', async () => {
  const { swarm, site } = run
  const [before = ''] = await run.served()
  const rule = (action: string) =>
    swarm.exec(
      3,
      `iptables ${action} OUTPUT -d ${swarm.registry.split(':')[0]} -p tcp --dport 5000 -j REJECT --reject-with tcp-reset`,
    )
  await rule('-I')
  await site.option('constraints', "['node.hostname==n3']")
  await run.released()
  const output = await run.fails(1, 'deploy').finally(() => rule('-D'))
  expect(output).toMatch(/n3 cannot get the image of (blue|green), .*\[IMAGE_MISSING\]/)
  expect(await run.served()).toEqual(onEach(run.nodes, before))
  await site.option('constraints', '')
})

it('a client that is killed during its migrations: they go on, the next run tells how they ended, and they ran once', async () => {
  const { swarm, site } = run
  await run.prepared('slow')
  const service = () => swarm.exec(1, "docker service inspect life_migration --format '{{.ID}}'")
  const cutOff = site.start('migrate', '--verbose')
  await cutOff.says(/migrating to/)
  cutOff.kill('SIGKILL')
  await cutOff.ended
  const first = await service()
  const next = site.start('migrate', '--verbose', '--lock-wait', '1m')
  await next.says(/Following the migrations/)
  expect(await service()).toBe(first)
  const tasks = 'docker ps --quiet --filter label=com.docker.swarm.service.name=life_migration'
  for (const node of run.nodes)
    await swarm.exec(node, `for task in $(${tasks}); do docker exec $task touch /go-on; done`)
  const { code, stdout, stderr } = await next.ended
  expect(code, stdout + stderr).toBe(0)
  expect(stdout.match(/migrating to|migrated/g)).toEqual(['migrating to', 'migrated'])
})

it('a client that is killed during a promote: the next command says so, and `repair` makes all routers agree', async () => {
  const { site } = run
  const [before = ''] = await run.served()
  const { slot } = await run.prepared()
  const promote = site.start('promote', slot, '--watch', '1m')
  await expect
    .poll(async () => (await site.task('status')).stderr, { timeout: 50_000 })
    .toContain('[SWITCH_UNFINISHED]')
  promote.kill('SIGKILL')
  await promote.ended
  expect(await run.fails(3, 'promote', slot, '--lock-wait', '1m')).toContain('[SWITCH_UNFINISHED]')
  await run.done('repair', '--lock-wait', '1m')
  await run.agreed()
  expect(await run.served()).toEqual(onEach(run.nodes, before))
})

it('a client that is killed at any moment of a switch: one `repair` makes all routers agree, and no request is lost', async () => {
  const { swarm, site } = run
  const reports = await underLoadOf(swarm, run.nodes, async () => {
    for (const ms of [0, 150, 300, 500, 800, 1_200]) {
      const promote = site.start('promote', other((await run.status()).live), '--verbose', '--lock-wait', '1m')
      await promote.says(/> Move the traffic on every node/)
      await sleep(ms)
      promote.kill('SIGKILL')
      await promote.ended
      await run.done('repair', '--lock-wait', '1m')
      await run.agreed()
      expect(new Set(await run.served()).size, `killed after ${ms} ms`).toBe(1)
    }
  })
  expect(failedIn(reports)).toBe(0)
})

/** What a run may say that was frozen until another one had taken its lock. */
const EXPIRED = /\[(?:LOCK_LOST|OVERTAKEN|CONNECTION_LOST|MANAGER_LOST)\]\n +next: /

const routes = async () => (await run.status()).nodes.map(({ route }) => route)

/** Freezes a promote while others run, who leave the routes as they are then: when it goes on it fails, and changes none of them. */
async function frozenDuring(promote: ReturnType<typeof run.site.start>, others: () => Promise<void>): Promise<void> {
  promote.kill('SIGSTOP')
  let before: Awaited<ReturnType<typeof routes>>
  try {
    await others()
    before = await routes()
  } finally {
    promote.kill('SIGCONT')
  }
  const { code, stdout, stderr } = await promote.ended
  expect(code, stdout + stderr).toBe(1)
  expect(stderr).toMatch(EXPIRED)
  expect(await routes()).toEqual(before)
  await run.agreed()
}

it('a promote that is frozen before its switch until another run has taken over goes no further', async () => {
  const { slot, version } = await run.prepared()
  const promote = run.site.start('promote', slot, '--verbose')
  await promote.says(/ok: Ask the routers which slot is live/)
  await frozenDuring(promote, async () => {
    await run.done('promote', slot, '--lock-wait', '1m')
    await run.done('rollback')
  })
  expect(await run.served()).not.toContain(version)
})

it('a promote that is frozen in its switch until another run has mended it takes nothing of that back', async () => {
  const { site } = run
  const { slot, version } = await run.prepared()
  const promote = site.start('promote', slot, '--watch', '1m', '--verbose')
  await expect
    .poll(async () => (await site.task('status')).stderr, { timeout: 50_000 })
    .toContain('[SWITCH_UNFINISHED]')
  await frozenDuring(promote, async () => {
    await run.done('repair', '--lock-wait', '1m')
    await run.done('promote', slot)
  })
  expect(await run.served()).toEqual(onEach(run.nodes, version))
})

it('two runs at once: the second one is refused with the owner of the lock', async () => {
  const { site } = run
  const { slot } = await run.prepared()
  const promote = site.start('promote', slot, '--watch', '30s')
  await expect.poll(async () => (await site.task('status')).code, { timeout: 25_000 }).toBe(3)
  expect(await run.fails(3, 'rollback')).toContain('[LOCK_TAKEN]')
  expect((await promote.ended).code).toBe(0)
})
