/** What `repair` makes of a share of the traffic that is left at a balancer: of a rolling switch that was cut off, or of a canary that somebody wants. */
import { describe, expect, it } from 'vitest'
import { capture, perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { arg } from '../../../runner/cli/args.ts'
import { type AnyTask, definer } from '../../../runner/task.ts'
import type { Canary, Router } from '../../../slots/contracts.ts'
import { slotsOf } from '../../../slots/slot.ts'
import type { Readings } from '../../../slots/state/readings.ts'
import type { Context, TaskDeps } from '../../../tasks/context.ts'
import { bringTogether } from '../../../tasks/steps/bring-together.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
type Name = 'blue' | 'green'
const { task, ...rest } = definer<Context<Name>>()
const slot = arg.from('slot', slots.names, name => slots.get(name))
const step: AnyTask = bringTogether(
  { task, ...rest, slot } as TaskDeps<Name>,
  task('Repair each host', { run: () => undefined }),
)

const canary: Canary = { slot: 'green', percent: 33, sticky: false, by: 'anna', since: '2026-11-26T10:00:00.000Z' }
const left: Canary = { ...canary, switching: true }

/** What a host serves that was added to the Taskfile, and has no release yet. */
const ADDED = { slot: undefined, release: undefined, at: '', share: undefined, empty: true }

/** One of two hosts behind a balancer that send a share to green, while blue is live. `other`: what the other one serves instead. */
async function repair(share: Canary | undefined, force?: Name, answer = false, other?: object) {
  const told = { asked: '', note: '', shown: [] as string[] }
  const state = { now: share }
  const release = { name: '1.0.0-abc', sha256: 'abc', version: '1.0.0', dir: '/srv/life/releases/1.0.0-abc' }
  const promoted = { generation: 'g1', at: '2026-11-26', by: 'anna' }
  const read = {
    router: { slot: 'blue', generation: 'g1' },
    answer: { slot: 'blue', generation: 'g1', status: 200, problem: undefined },
    records: [{ slot: 'blue', release, promoted }],
    canary: share,
  } as unknown as Readings
  const host = fakeHost(({ text }) => {
    if (text.includes('end the canary')) state.now = undefined
    return text.includes('@ %{http_code}') ? 'body \n2 000 - 200' : ''
  })
  const router = {
    curl: (path: string) => [`http://life.example${path}`],
    canary: () => capture(sh.read`state`, () => state.now),
    beginCanary: () => expect.fail('a share was sent'),
    endCanary: () => perform(sh.write`: end the canary`),
  } as Partial<Router> as Router
  const gather = async <T>(value: T) =>
    ['web-1', 'web-2'].map((name, i) => ({ host: name, value: i ? (other ?? value) : value }))
  const context = {
    ...pluginKit(),
    ...{ host, router, slots, leads: true, runtime: {}, leaves: [], force: slots.get(force) },
    fleet: { hosts: ['web-1', 'web-2'], host: 'web-1', first: true, gather },
    health: { path: '/health', headers: {}, version: 'version' },
    deploy: { id: 'd1', by: 'anna', where: 'desk', began: 0 },
    readings: async () => read,
    tell: () => undefined,
    note: (text: string) => Object.assign(told, { note: text }),
    show: (text: string) => told.shown.push(text),
    async confirm(question: string) {
      told.asked = question
      return answer
    },
  }
  const result = (await step.run?.(context)) as object
  return { ...told, result, left: state.now }
}

describe('a share that a rolling switch has left', () => {
  it('is told with the two ways to end it, and stays without an answer', async () => {
    await expect(repair(left)).rejects.toMatchObject({
      code: 'SHARE_LEFT',
      exitCode: 3,
      message:
        'A rolling switch by anna was cut off: green gets 33 % of the traffic since 2026-11-26T10:00:00.000Z, and blue the rest.',
      hint: 'Nothing was changed. `npx task repair --force green` completes the switch, and `npx task repair --force blue` takes the share back.',
    })
  })

  it('is taken back for the live slot, on request or after a question', async () => {
    const named = await repair(left, 'blue')
    expect(named).toMatchObject({ left: undefined, asked: '', result: { trafficSwitch: undefined } })
    expect(named.shown.join('\n')).toMatch(/was cut off[\s\S]*green had 33 %; all traffic goes to blue again, verified/)
    const confirmed = await repair(left, undefined, true)
    expect(confirmed).toMatchObject({ left: undefined, asked: expect.stringMatching(/Send all traffic to blue\?$/) })
  })
})

it('a canary stays and is told, unless the live slot is named', async () => {
  expect(await repair(canary)).toMatchObject({
    left: canary,
    note: 'all hosts serve the same',
    shown: [expect.stringContaining('Canary: green gets 33 %')],
  })
  expect(await repair(canary, 'blue')).toMatchObject({ left: undefined })
  expect(await repair(undefined)).toMatchObject({ note: 'all hosts serve the same', shown: [] })
})

it('a host that was added and has no release yet does not count', async () => {
  expect(await repair(undefined, undefined, false, ADDED)).toMatchObject({
    note: 'all hosts serve the same',
    shown: [],
  })
  expect(await repair(undefined, 'blue', false, ADDED)).toMatchObject({ note: 'all hosts serve the same' })
  const behind = { ...ADDED, slot: 'green', empty: false }
  await expect(repair(undefined, undefined, false, behind)).rejects.toMatchObject({ code: 'REPAIR_NOT_CONFIRMED' })
})
