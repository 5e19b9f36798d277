import { expect, it } from 'vitest'
import type { SlotStatus, Status } from '../../../slots/status/status.ts'
import { watchLines } from '../../../slots/status/watch.ts'

const blue: SlotStatus = {
  slot: 'blue',
  live: true,
  release: '0.1.0-3fa9c21',
  state: 'running',
  pid: 12,
  uptime: 125,
  health: 'healthy',
  connections: 1,
}
const green: SlotStatus = {
  ...blue,
  slot: 'green',
  live: false,
  release: null,
  state: 'stopped',
  pid: null,
  uptime: null,
  health: 'unknown',
  connections: 0,
}
const status = (more: Partial<Status> = {}): Status => ({
  host: 'web-1',
  live: 'blue',
  generation: null,
  agreed: true,
  readings: { router: 'blue', public: 'blue', records: 'blue' },
  slots: [blue, green],
  migration: null,
  ...more,
})
const at = new Date('2026-11-26T10:00:02Z')
const texts = (now: Status, before?: Status) => watchLines(now, before, at).map(({ text }) => text)

it('the first look shows all slots, with data', () => {
  const lines = watchLines(status(), undefined, at)
  expect(lines.map(({ slot, text }) => [slot, text])).toEqual([
    [
      'blue',
      expect.stringMatching(
        /^10:00:02 {2}live {2}0\.1\.0-3fa9c21 {2}running {2}healthy {2}1 connection {2}process 12, up \S+/,
      ),
    ],
    ['green', '10:00:02  idle  no release  stopped  unknown  0 connections'],
  ])
  expect(lines[0]?.data).toMatchObject({ at: '2026-11-26T10:00:02.000Z', slot: 'blue', connections: 1 })
})

it('a later look shows only what changed, and a longer uptime is no change', () => {
  expect(texts(status({ slots: [{ ...blue, uptime: 127 }, green] }), status())).toEqual([])
  expect(texts(status({ slots: [{ ...blue, connections: 7 }, green] }), status())).toEqual([
    expect.stringContaining('7 connections'),
  ])
  expect(texts(status({ slots: [{ ...blue, failed: ['worker'], health: 'ill' }, green] }), status())).toEqual([
    expect.stringContaining('running, worker failed  ill'),
  ])
})

it.each<[string, Partial<Status>, string]>([
  [
    'readings that do not agree',
    { agreed: false, readings: { router: 'blue', records: 'green' } },
    'not certain which slot is live: router blue, records green',
  ],
  ['a maintenance', { maintenance: { by: 'ann', since: '', message: '', allow: [], retryAfter: 1 } }, 'in maintenance'],
  ['a host that is closed', { closed: { by: 'ann', since: '', reason: 'disks' } }, 'closed for deploys'],
])('%s is told when it begins and when it has ended', (_, more, text) => {
  expect(texts(status(more), status())).toEqual([`10:00:02  ${text}`])
  expect(texts(status(more), status(more))).toEqual([])
  expect(texts(status(), status(more))).toEqual(['10:00:02  all readings agree, and the site is open'])
})
