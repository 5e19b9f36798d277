/** `swarm()` on three engines: the whole life of an application, under load. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SECRET } from '../support/swarm-app.ts'
import { failedIn, seenIn, sentIn, underLoadOf } from '../support/swarm-load.ts'
import { onEach, type SwarmRun, startSwarmRun } from '../support/swarm-run.ts'

let run: SwarmRun
let site: SwarmRun['site']
let swarm: SwarmRun['swarm']
let done: SwarmRun['done']
let fails: SwarmRun['fails']

beforeAll(async () => {
  run = await startSwarmRun({ replicas: 3, live: false })
  ;({ site, swarm, done, fails } = run)
}, 900_000)
afterAll(() => run?.[Symbol.asyncDispose]())

const NODES = [1, 2, 3]

const ask = async (node: number, path = '/'): Promise<string> => (await fetch(swarm.url(node) + path)).text()

/** The arguments of processes of a node that contain a text, looked for all the time while `work` runs. */
async function argumentsWith(text: string, node: number, work: () => Promise<unknown>): Promise<readonly string[]> {
  await swarm.exec(node, `rm -f /run/over; printf %s ${text} > /run/text`)
  const looking = swarm.exec(
    node,
    `until [ -e /run/over ]; do
  for file in $(grep -lF -f /run/text /proc/[0-9]*/cmdline 2> /dev/null || :); do tr '\\0' ' ' < "$file" 2> /dev/null && echo; done || :
  sleep 0.02
done`,
  )
  await work().finally(() => swarm.exec(node, 'touch /run/over'))
  return [...new Set((await looking).split('\n').filter(Boolean))]
}

const underLoad = (work: () => Promise<unknown>) => underLoadOf(swarm, NODES, work)

describe.sequential('a swarm', () => {
  it('refuses to deploy before the setup, which a second one finds done', async () => {
    expect(await fails(3, 'deploy')).toContain('[SWARM_NOT_SET_UP]')
    expect(await done('setup')).toContain('a router on each of 3 nodes')
    expect(await done('setup')).toContain('nothing to do')
    expect(await ask(2)).toContain('no slot is live')
  })

  it('deploys to the idle slot, whose variables reach the tasks in no argument, and promotes it on every node', async () => {
    // On the manager; the control is an argument that has to be seen.
    const seen = await argumentsWith(SECRET, 1, () => done('deploy'))
    expect(seen).toEqual([])
    const control = () => swarm.exec(1, `bash -c 'sleep 2; :' ${SECRET}`)
    expect(await argumentsWith(SECRET, 1, control)).toContainEqual(expect.stringContaining('sleep'))
    expect((await fetch(swarm.url(1))).status).toBe(503)
    const spec = await swarm.exec(
      1,
      "docker service inspect life_blue --format '{{json .Spec.TaskTemplate.ContainerSpec}}'",
    )
    expect(JSON.parse(spec).Image).toMatch(/^10\.77\.0\.254:5000\/life(:[^@]+)?@sha256:/)
    await done('promote', 'blue')
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
    expect(await ask(3, '/variable/DATABASE_URL')).toBe(`ecto://life:${SECRET}@db/life`)
    expect(await ask(3, '/variable/SPACED')).toBe('a b')
    expect(await ask(3, '/variable/HOME')).toBe('/nowhere')
  })

  it('loses no request in four switches under load, and no node serves two versions in turns', async ({ annotate }) => {
    await site.release('0.2.0')
    await done('deploy')
    const reports = await underLoad(async () => {
      for (const [command, ...args] of [['promote', 'green'], ['rollback'], ['promote', 'green'], ['rollback']])
        expect(await done(command ?? '', ...args)).toMatch(/\d+ probes, 0 failed/)
    })
    await annotate(`${failedIn(reports)} of ${sentIn(reports)} requests lost`)
    expect(failedIn(reports)).toBe(0)
    expect(sentIn(reports)).toBeGreaterThan(500)
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
    const undone = await fails(1, 'deploy', '--migrate', '--promote')
    expect(undone).toContain('[MIGRATION_FAILED_IN_TASK]')
    expect(undone).toContain('green was stopped; blue is live as before')
    await done('deploy')
    const failed = await fails(1, 'migrate')
    expect(failed).toContain('the column is gone')
    expect(failed).toMatch(/exit code 4\..*\[MIGRATION_FAILED_IN_TASK\]/)
    expect(await swarm.exec(1, "docker service ls --format '{{.Name}}'")).not.toContain('migration')
  })

  it('status shows nodes, slots, tasks and routes, also as JSON', async () => {
    expect(await done('status')).toMatch(/blue +live +0\.1\.0-\w{7} +3 of 3 +n1 n2 n3/)
    const status = await run.status()
    expect(status).toMatchObject({ live: 'blue', agreed: true, moving: null })
    expect(status.nodes.map(({ route, reaches }) => [route?.slot, reaches])).toEqual(NODES.map(() => ['blue', 3]))
    expect(status.slots[1]).toMatchObject({ slot: 'green', live: false, running: 3, replicas: 3 })
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
    expect(output).toMatch(
      new RegExp(`^error: .* \\[${code}\\]\\n(?: {4}.*\\n|\\n)*  next: .*The live slot is as it was\\.$`, 'm'),
    )
    expect(await fails(3, 'promote', 'green')).toContain('[SLOT_NOT_READY]')
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
    await site.option('health', '{ within: 60_000 }')
  })

  it('a release that refuses the WebSockets which the live one accepts goes back', async () => {
    await site.option('probe', "{ sockets: ['/ws'] }")
    await site.release('0.5.0', 'sockets')
    await done('deploy')
    expect(await fails(1, 'promote', 'green')).toMatch(/green refuses a WebSocket at \/ws of n\d.*\[SOCKET_REFUSED\]/)
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
    await site.option('probe', '')
  })

  it('a release that fails the probes once it is live goes back, and the nodes that answered so are named', async () => {
    await site.option('probe', "{ paths: ['/probed'] }")
    await site.release('0.5.0', 'probed')
    await done('deploy')
    const output = await fails(1, 'promote', 'green')
    for (const node of NODES)
      expect(output).toMatch(new RegExp(`\\d (fresh|kept) on n${node}: 500.*\\[PROBES_FAILED\\]`))
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
    await site.option('probe', '')
  })

  it("the engine places the tasks where the Taskfile says, within its limits and with Swarm's own secrets", async () => {
    await swarm.exec(1, 'docker node update --label-add disk=ssd n2 > /dev/null')
    await site.option('secrets', "['life_key']")
    const before = await run.status()
    expect(await fails(3, 'deploy')).toMatch(/The swarm has no secret life_key\. \[NEEDED_MISSING\]/)
    expect(await run.status()).toMatchObject({ slots: before.slots })
    await swarm.exec(1, 'printf a-key-of-life | docker secret create life_key - > /dev/null')
    await site.option('constraints', "['node.labels.disk==ssd']")
    await site.option('limits', "{ memory: '96M', reserve: { memory: '8M' } }")
    await site.option('health', "{ within: 60_000, command: 'test -e /run/secrets/life_key' }")
    await site.release('0.5.0')
    await done('deploy')
    const [, green] = (await run.status()).slots
    expect(green?.tasks.map(({ node }) => node)).toEqual(['n2', 'n2', 'n2', 'n2'])
    expect(await done('exec', '--slot', 'green', '--', 'cat', '/run/secrets/life_key')).toContain('a-key-of-life')
    const spec = await swarm.exec(1, "docker service inspect life_green --format '{{json .Spec.TaskTemplate}}'")
    expect(spec).not.toContain('a-key-of-life')
    expect(JSON.parse(spec).ContainerSpec.Healthcheck.Test).toEqual(['CMD-SHELL', 'test -e /run/secrets/life_key'])
    expect(JSON.parse(spec).Resources).toMatchObject({
      Limits: { MemoryBytes: 96 * 1024 ** 2 },
      Reservations: { MemoryBytes: 8 * 1024 ** 2 },
    })
    await site.option('limits', "{ reserve: { memory: '900G' } }")
    expect(await fails(1, 'deploy')).toMatch(/No node can take a task of green: .*\[NO_SUITABLE_NODE\]/)
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
    for (const option of ['constraints', 'secrets', 'limits']) await site.option(option, '')
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

  it('a node that was taken out holds nothing up, and comes back with the newest route', async () => {
    await swarm.exec(1, 'docker node update --availability drain n3 > /dev/null')
    await site.release('0.5.1')
    await done('deploy')
    await done('promote', 'green')
    expect(await run.served([1, 2])).toEqual(['0.5.1', '0.5.1'])
    await swarm.exec(1, 'docker node update --availability active n3 > /dev/null')
    await run.agreed()
    expect(await run.served()).toEqual(onEach(NODES, '0.5.1'))
    await done('rollback')
    expect(await run.served()).toEqual(onEach(NODES, '0.1.0'))
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
    expect(await run.served()).toEqual(onEach(NODES, '0.6.0'))
    await site.option('registry', "env.REGISTRY + '/life'")
  })

  it('an image that CI has pushed is deployed by its name, and one that nobody has pushed is refused', async () => {
    const repository = `${swarm.registry}/life`
    await swarm.exec(
      1,
      `tag=$(docker image ls --format '{{.Tag}}' ${repository} | grep '^0\\.5\\.0-' | head -n 1)
docker tag ${repository}:$tag ${repository}:ci
docker push --quiet ${repository}:ci`,
    )
    await site.option('image', "{ name: env.REGISTRY + '/life:ci', version: '0.5.0' }")
    expect(await done('deploy')).toMatch(/0\.5\.0-\w{7} in blue/)
    await done('promote', 'blue')
    expect(await run.served()).toEqual(onEach(NODES, '0.5.0'))
    await site.option('image', "{ name: env.REGISTRY + '/life:nothing', version: '0.6.0' }")
    expect(await fails(1, 'deploy')).toContain('[REGISTRY_FAILED]')
    await site.option('image', 'image({ version })')
  })

  it('history tells what was done', async () => {
    const output = await done('history', '--last', '100')
    for (const what of ['setup', 'blue -> green', 'failed: TASKS_LATE']) expect(output).toContain(what)
  })
})
