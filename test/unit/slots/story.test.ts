/** What the journal tells of a slot that is down, or that nobody can go back to. */
import { describe, expect, it } from 'vitest'
import { slotFaults } from '../../../slots/faults.ts'
import { explained, nowhere, stoppedBy, wasLive } from '../../../slots/journal/story.ts'
import { layout } from '../../../slots/layout.ts'
import type { JournalEntry } from '../../../slots/model.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'
import { fakeHost } from '../../support/fake-host.ts'

const entry = (more: Partial<JournalEntry>): JournalEntry => ({
  at: '2026-11-22T20:55:41.123Z',
  by: 'ann@desk',
  where: 'desk',
  deploy: 'd',
  event: 'deploy',
  slot: 'green',
  release: '2-def',
  result: 'done',
  ms: 3_200,
  ...more,
})
const record = {
  slot: 'green',
  release: { name: '2-def', version: '2', sha256: '', dir: '' },
  by: 'ben@desk',
  at: '2026-11-23T08:00:00.000Z',
} as SlotRecord
const live = entry({ event: 'promote', release: '1-abc' })
const retired = entry({ event: 'retire' })
const undone = entry({ result: 'undone' })

describe('a slot that is down', () => {
  it.each([
    ['was retired', [entry({}), live, retired], retired],
    [
      'was retired, and other slots and checks came after that',
      [retired, entry({ slot: 'blue' }), entry({ event: 'check' })],
      retired,
    ],
    ['had its deploy taken back', [live, undone], undone],
    ['was deployed to again since', [retired, entry({})], undefined],
    ['was left running', [entry({}), live], undefined],
    ['has no history', [], undefined],
  ])('%s', (_, entries, by) => {
    expect(stoppedBy(entries, 'green')).toBe(by)
  })

  const told = (entries: readonly JournalEntry[]) => ({
    host: fakeHost(() => entries.map(one => JSON.stringify(one)).join('\n')),
    layout: layout('/srv/life'),
  })
  const down = slotFaults.SLOT_DOWN({ slot: 'green', state: 'stopped', log: 'the end of a log' })

  it('is told as what it is only where somebody stopped it', async () => {
    expect(await explained(told([retired]), 'green', record, down)).toMatchObject({
      code: 'SLOT_STOPPED',
      message: 'green is not running: ann@desk retired it at 2026-11-22T20:55:41.123Z.',
    })
    expect(await explained(told([undone]), 'green', record, down)).toMatchObject({
      message:
        'green is not running: the deploy of 2-def to it was taken back at 2026-11-22T20:55:41.123Z, by ann@desk.',
    })
    expect(await explained(told([live]), 'green', record, down)).toBe(down)
    const other = new Error('the line is cut')
    expect(await explained(told([retired]), 'green', record, other)).toBe(other)
  })

  it.each([
    ['no slot is live', record, false, [], 'no slot is live'],
    ['the slot is empty', undefined, true, [], 'nothing was ever deployed to green'],
    [
      'it never was live',
      record,
      true,
      [entry({})],
      'ben@desk deployed 2-def to green at 2026-11-23T08:00:00.000Z, and it has not been live yet',
    ],
    [
      'it was replaced',
      record,
      true,
      [live, entry({})],
      'ben@desk deployed 2-def to green at 2026-11-23T08:00:00.000Z, in the place of 1-abc, which was live there',
    ],
    [
      'it was deployed again',
      record,
      true,
      [entry({ event: 'promote' }), entry({})],
      'ben@desk deployed 2-def to green at 2026-11-23T08:00:00.000Z again, and it has not been live since',
    ],
  ] as const)('nobody can go back to it: %s', async (_, now, isLive, entries, why) => {
    const fault = await nowhere(told(entries), 'green', now, isLive)
    expect([fault.code, fault.message]).toEqual(['ROLLBACK_NOWHERE', `There is nothing to roll back to: ${why}.`])
  })

  it('was live when it got the traffic, or was taken over', () => {
    const adopted = entry({ event: 'adopt', release: '0.9' })
    expect(wasLive([live, entry({ event: 'promote', result: 'failed' })], 'green')).toBe(live)
    expect(wasLive([adopted, entry({})], 'green')).toBe(adopted)
    expect(wasLive([live], 'blue')).toBeUndefined()
  })
})
