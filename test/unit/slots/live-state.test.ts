import { describe, expect, it } from 'vitest'
import { slotsOf } from '../../../slots/slot.ts'
import { type Readings, resolveLive, slotRunning } from '../../../slots/state/readings.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

const record = (slot: string, promotedAt: string | null) => ({
  slot,
  release: { name: '1-abc', version: '1', sha256: 'abc', dir: '/srv/life/releases/1-abc' },
  revision: null,
  state: 'ready' as const,
  deploy: 'd',
  by: 'me',
  at: '2026-01-01T00:00:00Z',
  promoted: promotedAt === null ? null : { generation: 'g', at: promotedAt, by: 'me' },
  adopted: null,
})

const read = (router?: string, answer?: string, records: Readings['records'] = [], problem?: string): Readings => ({
  router: { slot: router, generation: router && 'g' },
  answer: { slot: answer, generation: answer && 'g', status: 200, problem },
  records,
})

describe('the live slot', () => {
  it('is the one that all three readings name', () => {
    const records = [record('blue', '2026-01-01T00:00:00Z'), record('green', '2026-01-02T00:00:00Z')]
    const state = resolveLive(read('green', 'green', records), slots)
    expect([state.live?.name, state.idle.name]).toEqual(['green', 'blue'])
  })

  it('is undefined when all three readings agree on none, and the first slot is then idle', () => {
    const state = resolveLive(read(undefined, undefined, [undefined, record('blue', null)]), slots)
    expect([state.live, state.idle.name]).toEqual([undefined, 'blue'])
  })

  it.each([
    ['the router says another slot', read('blue', 'green', [record('green', '2026')])],
    ['the public answer says another slot', read('green', 'blue', [record('green', '2026')])],
    ['the records say another slot', read('green', 'green', [record('blue', '2026')])],
    ['there are no records', read('green', 'green', [])],
    ['the site does not answer', read('green', undefined, [record('green', '2026')], 'connection refused')],
    ['nothing is known and the site does not answer', read(undefined, undefined, [], 'connection refused')],
    ['all name a slot that the project does not have', read('red', 'red', [record('red', '2026')])],
    [
      'the public answer is of another generation',
      { ...read('blue', 'blue', [record('blue', '2026')]), router: { slot: 'blue', generation: 'h' } },
    ],
  ])('is rejected as unknown when %s', (_, readings) => {
    expect(() => resolveLive(readings, slots)).toThrowError(
      expect.objectContaining({ code: 'LIVE_UNKNOWN', exitCode: 3, detail: expect.stringContaining('public answer') }),
    )
  })
})

describe('the slots of a project', () => {
  it.each([
    ['one slot', { blue: { port: 4000 } }, 'SLOTS_NOT_TWO'],
    ['three slots', { a: { port: 4000 }, b: { port: 4001 }, c: { port: 4002 } }, 'SLOTS_NOT_TWO'],
    ['one port for both', { blue: { port: 4000 }, green: { port: 4000 } }, 'SLOTS_SHARE_PORT'],
    ['the name of a canary', { canary: { port: 4000 }, green: { port: 5000 } }, 'NAME_INVALID'],
    ['a bad name', { 'blue;': { port: 4000 }, green: { port: 5000 } }, 'NAME_INVALID'],
  ])('cannot be %s', (_, specs, code) => {
    expect(() => slotsOf(specs as Record<string, { port: number }>)).toThrowError(
      expect.objectContaining({ code, exitCode: 2 }),
    )
  })

  it('are rejected by name when unknown', () => {
    expect(() => slots.get('gren')).toThrowError(/no slot gren/)
  })
})

describe('the slot that runs a release', () => {
  const old = { name: '0-old', version: '0', sha256: 'old', dir: '/srv/life/releases/0-old' }
  const blue = record('blue', '2026-01-02T00:00:00Z')
  const green = { ...record('green', '2026-01-01T00:00:00Z'), release: old }
  const nameOf = (idle: Readings['records'][number], release: string, state: 'running' | 'stopped' = 'running') =>
    slotRunning(resolveLive(read('blue', 'blue', [blue, idle]), slots), { state }, release)?.name

  it('is the live one if that has it, even if the idle one has it too', () => {
    expect(nameOf(green, '1-abc')).toBe('blue')
    expect(nameOf({ ...green, release: blue.release }, '1-abc')).toBe('blue')
  })

  it('is the idle one if it was healthy there and still runs', () => {
    expect(nameOf(green, '0-old')).toBe('green')
  })

  it('is none if the process of the idle slot is down, was never healthy, or the slot is empty', () => {
    expect(nameOf(green, '0-old', 'stopped')).toBeUndefined()
    expect(nameOf({ ...green, state: 'starting' }, '0-old')).toBeUndefined()
    expect(nameOf({ ...green, state: 'stopped' }, '0-old')).toBeUndefined()
    expect(nameOf(undefined, '0-old')).toBeUndefined()
    expect(nameOf(green, '2-new')).toBeUndefined()
  })
})
