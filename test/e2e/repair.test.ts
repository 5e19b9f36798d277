/** After a switch by hand or a deploy that was killed, the next run reports what it found and repairs it. */

import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { exits, runAsRoot } from '../support/ended.ts'

let site: Site

const run = (code: number, ...args: string[]) => exits(code, site.task(...args))
const root = (command: string) => runAsRoot(site.host, command)
const pid = (slot: string) => root(`systemctl show -p MainPID --value life@${slot}.service`)
const record = async (slot: string) => JSON.parse(await root(`cat /srv/life/slots/${slot}/slot.json`))

beforeAll(async () => {
  site = await startSite({
    more: 'health: { soak: Number(env.LIFE_SOAK ?? 0), within: 120_000 },',
    tasks: 'export const { repair, history } = tasks',
  })
  await run(0, 'setup')
  await run(0, 'deploy', '--promote')
  await run(0, 'deploy')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('wrong records are reported by status, stop a promote, and follow the router after a repair', async () => {
  await root('cd /srv/life/router && mkdir -p green.by-hand && touch green.by-hand/green && ln -sfn green.by-hand live')
  const pids = [await pid('blue'), await pid('green')]
  expect(await run(3, 'status')).toMatch(/router +green\n.*public answer +green\n.*records +blue/s)
  expect(await run(3, 'promote', 'blue')).toContain('npx task repair')
  expect(await run(3, 'repair')).toContain('npx task repair --force green')
  expect(await run(3, 'repair', '--force', 'blue')).toMatch(
    /The router does not send the traffic to blue, but to green/,
  )
  expect(await run(0, 'repair', '--force', 'green')).toContain('the records now say green')
  expect(await run(0, 'status')).toMatch(/green +live/)
  expect(await run(0, 'repair', '--force', 'green')).toContain('nothing to repair')
  expect([await pid('blue'), await pid('green')]).toEqual(pids)
  expect(await run(0, 'history', '--last', '1')).toMatch(/repair +green/)
})

it('a repair in a terminal asks for confirmation, and only a yes changes the records', async () => {
  const byHand = (slot: string) =>
    root(
      `cd /srv/life/router && mkdir -p ${slot}.by-hand && touch ${slot}.by-hand/${slot} && ln -sfn ${slot}.by-hand live`,
    )
  const answer = async (keys: string) => {
    const prompt = site.inTerminal({}, 'repair')
    await prompt.says(/Update the records to match the router\? \[y\/N\]/)
    prompt.type(keys)
    const { code, stdout } = await prompt.ended
    return { code, stdout: stripVTControlCharacters(stdout) }
  }
  const question =
    /router says blue, public answer says blue, records say green\. Update the records to match the router\?/
  await byHand('blue')
  const records = [await record('blue'), await record('green')]
  for (const no of ['\r', 'n\r', 'yet\r']) {
    const { code, stdout } = await answer(no)
    expect(stdout).toMatch(question)
    expect(stdout).toMatch(/The repair was not confirmed; nothing was changed\. \[REPAIR_NOT_CONFIRMED\]/)
    expect(code).toBe(3)
  }
  const { code, stdout } = await answer('\x03')
  expect(stdout).toContain('Interrupted by SIGINT')
  expect(code).toBe(130)
  expect([await record('blue'), await record('green')]).toEqual(records)

  expect(await answer('y\r')).toMatchObject({ code: 0, stdout: expect.stringContaining('the records now say blue') })
  await run(0, 'status')
  await byHand('green')
  expect(await answer('yes\r')).toMatchObject({ code: 0, stdout: expect.stringContaining('the records now say green') })
})

it('a repair lasts, also when the record of the other slot has a promote of tomorrow', async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
  await root(`cd /srv/life/slots/blue && sed -i 's/"at": "[^"]*"/"at": "${tomorrow}"/' slot.json`)
  expect(await run(3, 'status')).toMatch(/router +green\n.*records +blue/s)
  expect(await run(0, 'repair', '--force', 'green')).toContain('the records now say green')
  expect(await run(0, 'status')).toContain('All agree: router green, public answer green, records green')
})

it('a repair recreates a lost record from what is in the slot', async () => {
  const { release } = await record('green')
  await root('rm /srv/life/slots/green/slot.json')
  await run(3, 'status')
  await run(0, 'repair', '--force', 'green')
  expect(await record('green')).toMatchObject({ release, state: 'ready', promoted: { generation: 'by-hand' } })
})

it('a deploy after one whose client was killed names that one, and completes', async () => {
  const running = site.start({ LIFE_SOAK: '60000' }, 'deploy', '--verbose')
  await running.says(/> Wait until the idle slot is healthy/)
  running.kill('SIGKILL')
  await running.ended
  const { deploy, state } = await record('blue')
  expect(state).toBe('starting')
  const free = async () => (await site.host.exec('flock -n /srv/life/lock true')).code
  await expect.poll(free).toBe(0)
  expect(await run(0, 'deploy')).toMatch(
    new RegExp(`the deploy of 0\\.1\\.0-\\w+ to blue by .* \\(${deploy}\\) was interrupted before`),
  )
  expect(await record('blue')).toMatchObject({ state: 'ready' })
  expect(await site.live()).toBe('green')
  expect(await run(0, 'history', '--last', '5')).toContain('failed: CUT')
})

it('a deploy removes old releases, and keeps the one that a slot runs', async () => {
  await root(
    'cd /srv/life/releases && for i in 1 2 3 4 5 6; do mkdir -p 0.0.$i-aaaaaa$i && touch 0.0.$i-aaaaaa$i/release.json; done; touch -d 2020-01-01 0.1.0-*; chown -R vagrant: .',
  )
  expect(await run(0, 'deploy')).toMatch(/1 old release removed, 5 kept/)
  const left = (await root('ls /srv/life/releases')).trim().split('\n')
  expect(left).toHaveLength(6)
  expect(left).toContain((await record('green')).release.name)
})
