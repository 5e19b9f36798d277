/** Every other command of a swarm, and those that a swarm does not have. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { failedIn, underLoadOf } from '../support/swarm-load.ts'
import { dataOf, type SwarmRun, startSwarmRun } from '../support/swarm-run.ts'

let run: SwarmRun
let site: SwarmRun['site']
let swarm: SwarmRun['swarm']
let done: SwarmRun['done']

beforeAll(async () => {
  run = await startSwarmRun({ nodes: 2 })
  ;({ site, swarm, done } = run)
}, 900_000)
afterAll(() => run?.[Symbol.asyncDispose]())

it('dry runs of setup and deploy say in sentences what they would do, and do none of it', async () => {
  const objects = () =>
    swarm.exec(1, 'docker service ls --quiet; docker config ls --quiet; docker network ls --quiet | sort')
  const before = await objects()
  expect(await done('setup', '--dry-run')).toContain('Nothing would change.')
  await site.option('health', "{ within: 60_000, path: '/up' }")
  expect(await done('setup', '--dry-run')).toMatch(
    /A setup would:\n {2}1\. replace the router of n1 and n2 by one from .* one node after the other: .*\n {2}2\. wait until/,
  )
  await site.option('health', '{ within: 60_000 }')
  const said = await done('deploy', '--dry-run', '--migrate', '--promote')
  expect(said).toMatch(
    /A deploy would:\n {2}1\. build 0\.1\.0, and send n1 the layers .*\n {2}2\. use green, which has no release yet\n {2}3\. start 2 tasks of 0\.1\.0 in green, with \d+ variables\n/,
  )
  expect(said).toMatch(
    / 6\. move the traffic from blue to green on n1 and n2 while requests are sent, .*\n--verbose adds/,
  )
  expect(said).not.toContain('  | ')
  expect(await done('deploy', '--dry-run', '--verbose')).toMatch(/^ {2}\| .*docker service create/m)
  expect(await objects()).toBe(before)
})

it('logs show the lines of all tasks with their nodes, and follow them', async () => {
  const output = await done('logs')
  expect(output.match(/blue \d@n\d.*life 0\.1\.0 listens on 4000/g)).toHaveLength(2)
  expect(output).toMatch(/blue \d@n1/)
  expect(await done('logs', '--slot', 'green')).not.toContain('listens')
  const following = site.start('logs', '--follow')
  await following.says(/listens on 4000/)
  following.kill('SIGINT')
  expect((await following.ended).code).toBe(130)
})

it('exec runs a command in a task of the live slot, or of another one, and exits with its code', async () => {
  expect(await done('exec', '--', 'cat', '/app/version')).toContain('0.1.0')
  expect(await site.task('exec', '--', 'bash', '-c', 'echo "$SLOT"; exit 7')).toMatchObject({ code: 7 })
  expect(await site.task('exec', '--slot', 'green', '--', 'true')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[NO_TASK_RUNS]'),
  })
  expect(await site.feed('from here\n', 'exec', '--', 'cat')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('from here'),
  })
})

it('config and env-diff show names and no secret, doctor what would stand in the way', async () => {
  expect(await done('config')).toMatch(/manager +m1[\s\S]*DATABASE_URL +\(hidden\)/)
  expect(await done('env-diff')).toContain('nothing differs')
  await site.option('slots', "{ blue: { env: { COLOUR: 'azure' } }, green: { env: { COLOUR: 'green' } } }")
  const { stdout } = await site.task('env-diff', '--json')
  expect(dataOf<{ slots: object[] }>(stdout).slots[0]).toMatchObject({ slot: 'blue', differs: true })
  expect(await done('doctor')).toMatch(/managers.*1: if one is lost/)
  await swarm.stopRegistry()
  expect(await site.task('doctor')).toMatchObject({ code: 3, stderr: expect.stringContaining('[PREFLIGHT_FAILED]') })
  await swarm.startRegistry()
})

it('restart gives the live release its present variables in the other slot, under load', async () => {
  const reports = await underLoadOf(swarm, [1, 2], () => done('restart'))
  expect(failedIn(reports)).toBe(0)
  const answer = await fetch(swarm.url(2))
  expect(await answer.json()).toMatchObject({ version: '0.1.0', slot: 'green' })
  await done('rollback')
  expect(await (await fetch(swarm.url(1))).json()).toMatchObject({ slot: 'blue' })
})

it('watch prints what changes', async () => {
  const watching = site.start('watch', '--every', '500ms')
  await watching.says(/All routers agree with the records: blue/)
  await done('promote', 'green')
  await watching.says(/All routers agree with the records: green/)
  watching.kill('SIGINT')
  expect((await watching.ended).code).toBe(130)
})

it('pending says that the folder is no repository', async () => {
  expect(await site.task('pending')).toMatchObject({ stderr: expect.stringContaining('[GIT_UNUSABLE]') })
})

it.each(['maintenance', 'releases', 'prune', 'canary', 'lock', 'unlock', 'retire', 'rpc', 'bootstrap'])(
  '%s is not there, and one sentence says so',
  async command => {
    const { code, stdout, stderr } = await site.task(command)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^error: A swarm has no \`${command}\`: .*\\. \\[NOT_OF_A_SWARM\\]\\n +next: `))
  },
)

it('setup says why a new router does not start, and goes on once that is mended', async () => {
  await site.option('router', "{ port: 80, image: env.REGISTRY + '/router:2' }")
  expect(await run.fails(1, 'setup')).toMatch(/The router does not start on n\d \(.*\[ROUTERS_NOT_STARTED\]\n +next: /)
  const image = `${swarm.registry}/router:2`
  await swarm.exec(1, `docker tag ${swarm.routerImage} ${image}; docker push --quiet ${image}`)
  await done('setup')
  const images = await swarm.exec(
    1,
    "docker service ps life_router --filter desired-state=running --format '{{.Image}}'",
  )
  expect(images.trim().split('\n')).toEqual([expect.stringContaining('router:2'), expect.stringContaining('router:2')])
  await run.agreed()
})

it('remove takes everything off, and a later setup and promote get by with what stayed on the nodes', async () => {
  expect(await site.task('remove', '--yes-remove', 'life')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[REMOVE_LIVE]'),
  })
  expect(await done('remove', '--dry-run')).toMatch(/service life_router[\s\S]*volume life_route/)
  expect(await done('remove', '--force', '--yes-remove', 'life')).toContain('deleted')
  const left = 'docker service ls -q; docker config ls -q; docker network ls -q --filter label=switchyard.app'
  expect((await swarm.exec(1, left)).trim()).toBe('')
  expect(await done('remove', '--yes-remove', 'life')).toContain('nothing of life')
  expect(await done('setup', '--dry-run')).toContain('1. create the networks life_net and life_control')
  expect((await swarm.exec(1, left)).trim()).toBe('')
  await done('setup')
  if ((await site.task('status')).code !== 0) await done('repair')
  await done('deploy')
  await done('promote', 'blue')
  expect(await (await fetch(swarm.url(2))).json()).toMatchObject({ slot: 'blue' })
})
