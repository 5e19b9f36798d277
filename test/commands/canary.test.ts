/** `promote --percent` on a host with nginx: under load in steps, sticky, watched, taken back by itself and by hand, and beside every other command. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CanarySite, startCanarySite } from '../support/canary-site.ts'

let site: CanarySite
beforeAll(async () => {
  site = await startCanarySite("nginx({ site: 'shop.example', canary: env.CANARY !== 'off' })")
})
afterAll(() => site?.[Symbol.asyncDispose]())
const { done, refused, at, live, release, start } = {
  done: (...args: string[]) => site.done(...args),
  refused: (exit: number, cause: RegExp, ...args: string[]) => site.refused(exit, cause, ...args),
  at: (number: string) => site.at(number),
  live: () => site.live(),
  release: (version: string, fails?: boolean) => site.release(version, fails),
  start: (more: Record<string, string>, ...args: string[]) => site.start(more, ...args),
}

it('raises 5 % to 50 % to all of the traffic under load, and loses no request', async () => {
  await release('1.1.0')
  await done('deploy')
  const load = await site.load()
  const five = await done('promote', 'green', '--percent', '5')
  expect(five).toMatch(/green gets 5 %: \d+ of 418 requests went there, bounds 1 to 5\d/)
  expect(five).toMatch(/green failed 0 of \d+ requests, blue 0 of \d+\./)
  expect(five).toContain('npx task promote green')
  expect(await live()).toBe('blue')
  expect(await at('0cc')).toEqual({ slot: 'green', version: '1.1.0' })
  expect(await at('0cd')).toEqual({ slot: 'blue', version: '1.0.0' })
  const table = await done('status')
  expect(table).toMatch(/^green +5 % /m)
  expect(table).toMatch(/Canary: green gets 5 % of the traffic since \S+Z, by \S+\./)
  expect(table).toContain('All agree: router blue, public answer blue, records blue')
  const json = await done('status', '--json')
  expect(json).toContain('"canary":{"slot":"green","percent":5,"sticky":false')
  const fifty = await done('promote', 'green', '--percent', '50', '--for', '3s')
  expect(fifty).toMatch(/green gets 50 %: /)
  expect(await at('7ff')).toMatchObject({ slot: 'green' })
  const all = await done('promote', 'green')
  expect(all).toMatch(/probes, 0 failed/)
  expect(await at('fff')).toEqual({ slot: null, version: '1.1.0' })
  expect(await live()).toBe('green')
  expect(await done('status')).not.toContain('Canary')
  const report = await load.stop()
  process.stdout.write(`canary: ${report.failed} of ${report.sent} requests failed\n`)
  expect(report).toMatchObject({ failed: 0, endedBy: 'stop' })
  expect(report.sent).toBeGreaterThan(500)
  expect(await done('history')).toMatch(/ canary +blue -> green .* done: 50 %/)
})

it('a canary is taken back by itself if the slot answers 500 at times, with the figures of both, and the release is bad then', async () => {
  await release('1.2.0', true)
  await done('deploy')
  const output = await refused(
    1,
    /blue fails more than green, and its 20 % were taken back/,
    'promote',
    'blue',
    '--percent',
    '20',
    '--for',
    '60s',
  )
  expect(output).toMatch(/blue failed [1-9]\d* of \d+ requests, green 0 of \d+/)
  expect(output).toContain('All traffic goes to green.')
  expect(await at('000')).toEqual({ slot: null, version: '1.1.0' })
  expect(await done('status')).not.toContain('Canary')
  await refused(3, /1\.2\.0-\w+ is bad: its canary to blue failed/, 'promote', 'blue', '--percent', '20')
  expect(await done('history')).toMatch(/ canary +green -> blue .* failed: CANARY_TAKEN_BACK/)
})

it('a canary that runs keeps its slot from being stopped, and says which commands end it', async () => {
  await release('1.3.0')
  await done('deploy')
  await done('promote', 'blue', '--percent', '30')
  for (const args of [['deploy'], ['preflight'], ['retire'], ['restart'], ['rollback', '1.0.0']]) {
    const output = await refused(3, /blue gets 30 % of the traffic, as a canary/, ...args)
    expect(output).toContain('`npx task promote blue` moves all traffic there')
    expect(output).toContain('`npx task promote green` takes the share back')
  }
  await refused(3, /green is live; only the other slot can get a share/, 'promote', 'green', '--percent', '5')
  expect(await done('repair')).toContain('nothing to repair')
  expect(await at('000')).toEqual({ slot: 'blue', version: '1.3.0' })
  expect(await done('promote', 'green')).toContain('blue had 30 %; all traffic goes to green again, verified.')
  expect(await at('000')).toEqual({ slot: null, version: '1.1.0' })
  expect(await done('promote', 'green')).toContain('green is already live; nothing was touched.')
  await done('promote', 'blue', '--percent', '30')
  expect(await done('rollback')).toContain('all traffic goes to green again, verified.')
  expect(await at('000')).toEqual({ slot: null, version: '1.1.0' })
})

it('survives a reboot of the host, in which both slots come up', async () => {
  await done('promote', 'blue', '--percent', '30', '--sticky')
  await site.host.restart({ powerLoss: true })
  await expect.poll(() => at('000').catch(() => undefined)).toEqual({ slot: 'blue', version: '1.3.0' })
  await expect.poll(() => at('fff').catch(() => undefined)).toEqual({ slot: 'green', version: '1.1.0' })
  expect(await done('status')).toMatch(/Canary: blue gets 30 % .*; visitors stay with their slot\./)
  // A share that is raised keeps its visitors.
  await done('promote', 'blue', '--percent', '40')
  const first = await fetch(`http://127.0.0.1:${site.host.httpPort}`)
  expect(first.headers.get('set-cookie')).toMatch(/^switchyard_canary=[0-9a-f]{3}; Path=\/; HttpOnly; SameSite=Lax$/)
  await done('promote', 'green')
})

it('the share is as before after Ctrl-C, which ends a watch', async () => {
  const holding = start({}, 'promote', 'blue', '--percent', '10', '--hold', '--verbose')
  await holding.says(/blue gets 10 %/)
  holding.kill('SIGINT')
  const { code, stdout, stderr } = await holding.ended
  expect(stdout + stderr).toContain('all traffic goes to green, verified')
  expect(code).toBe(130)
  expect(await at('000')).toMatchObject({ slot: null })
  await done('promote', 'blue', '--percent', '10')
  const raising = start({}, 'promote', 'blue', '--percent', '90', '--hold', '--verbose')
  await raising.says(/blue gets 90 %/)
  raising.kill('SIGINT')
  expect((await raising.ended).code).toBe(130)
  expect([(await at('199')).slot, (await at('19a')).slot]).toEqual(['blue', 'green'])
  await done('promote', 'green')
})

it('loses requests of the same load while the slot of a canary is down, which shows that the load notices', async () => {
  await done('promote', 'blue', '--percent', '50')
  const load = await site.load()
  await site.host.exec('systemctl stop shop@blue')
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${site.host.httpPort}`)).status).toBe(502)
  expect(await done('promote', 'green')).toContain('all traffic goes to green again, verified.')
  const report = await load.stop()
  expect(report.failed).toBeGreaterThan(0)
  await done('deploy')
})

it('a canary is neither begun nor ended by a dry run', async () => {
  expect(await done('promote', 'blue', '--percent', '10', '--dry-run')).toContain('not verified in a dry run')
  expect(await at('000')).toMatchObject({ slot: null })
  await done('promote', 'blue', '--percent', '10')
  expect(await done('promote', 'green', '--dry-run')).toContain('blue would get no traffic any more.')
  expect(await at('000')).toMatchObject({ slot: 'blue' })
  await done('promote', 'green')
})

it.each([
  [['--percent', '0'], /it must be from 1 to 99/],
  [['--percent', '100'], /it must be from 1 to 99/],
  [['--percent', '2.5'], /it must be a whole number/],
  [['--sticky'], /`--sticky` applies only to a share of the traffic/],
  [['--for', '10m'], /`--for` applies only to a share/],
  [['--percent', '5', '--watch', '10s'], /`--watch` applies only when all traffic moves/],
  [['--percent', '5', '--no-probe'], /`--no-probe` applies only when all traffic moves/],
])('promote green %j is refused before anything is contacted', async (args, why) => {
  const { code, stdout, stderr } = await start({ HOST: 'nobody@192.0.2.1' }, 'promote', 'green', ...args).ended
  expect(stdout + stderr).toMatch(why)
  expect(code).toBe(2)
})

it('a canary is refused with the line to add if the router of the Taskfile has none, and with `setup` if the host was set up without it', async () => {
  const off = await start({ CANARY: 'off', HOST: 'nobody@192.0.2.1' }, 'promote', 'blue', '--percent', '5').ended
  expect(off.stdout + off.stderr).toContain('Add `canary: true` to the options of nginx() in the Taskfile')
  expect(off.code).toBe(2)
  expect((await start({ CANARY: 'off' }, 'setup').ended).code).toBe(0)
  await refused(
    3,
    /not set up for a canary of this site: \S+shop\.conf is missing, or was installed without/,
    'promote',
    'blue',
    '--percent',
    '5',
  )
  await done('setup')
  await done('promote', 'blue', '--percent', '5')
  await done('promote', 'green')
})
