/** Why a slot is down, or cannot be rolled back to, according to the journal. */
import { describe, expect, it } from 'vitest'
import { slotFaults } from '../../../slots/faults.ts'
import { explainDown, rollbackFault, stoppedBy, wasLive } from '../../../slots/journal/story.ts'
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

describe('the journal', () => {
  it.each([
    ['was retired', [entry({}), live, retired], retired],
    [
      'was retired, and other slots and checks came after that',
      [retired, entry({ slot: 'blue' }), entry({ event: 'check' })],
      retired,
    ],
    ['had its deploy taken back', [live, undone], undone],
    ['was deployed to again after that', [retired, entry({})], undefined],
    ['was left running', [entry({}), live], undefined],
    ['has no history', [], undefined],
  ])('gives the entry that stopped a slot, if any: it %s', (_, entries, by) => {
    expect(stoppedBy(entries, 'green')).toBe(by)
  })

  const withJournal = (entries: readonly JournalEntry[]) => ({
    host: fakeHost(() => entries.map(entry => JSON.stringify(entry)).join('\n')),
    layout: layout('/srv/life'),
  })
  const down = slotFaults.SLOT_DOWN({ slot: 'green', state: 'stopped', log: 'the end of a log' })

  it('turns SLOT_DOWN into SLOT_STOPPED only if somebody stopped the slot', async () => {
    expect(await explainDown(withJournal([retired]), 'green', record, down)).toMatchObject({
      code: 'SLOT_STOPPED',
      message: 'green is not running: ann@desk retired it at 2026-11-22T20:55:41.123Z.',
    })
    expect(await explainDown(withJournal([undone]), 'green', record, down)).toMatchObject({
      message: 'green is not running: the deploy of 2-def to it by ann@desk was undone at 2026-11-22T20:55:41.123Z.',
    })
    expect(await explainDown(withJournal([live]), 'green', record, down)).toBe(down)
    const other = new Error('the line is cut')
    expect(await explainDown(withJournal([retired]), 'green', record, other)).toBe(other)
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
      'ben@desk deployed 2-def to green at 2026-11-23T08:00:00.000Z, replacing 1-abc, which was live there',
    ],
    [
      'it was deployed again',
      record,
      true,
      [entry({ event: 'promote' }), entry({})],
      'ben@desk deployed 2-def to green at 2026-11-23T08:00:00.000Z again, and it has not been live since',
    ],
  ] as const)('explains why a rollback to a slot is impossible: %s', async (_, now, isLive, entries, why) => {
    const fault = await rollbackFault(withJournal(entries), 'green', now, isLive)
    expect([fault.code, fault.message]).toEqual(['ROLLBACK_NOWHERE', `There is nothing to roll back to: ${why}.`])
  })

  it('shows that a slot was live if it was promoted or adopted', () => {
    const adopted = entry({ event: 'adopt', release: '0.9' })
    expect(wasLive([live, entry({ event: 'promote', result: 'failed' })], 'green')).toBe(live)
    expect(wasLive([adopted, entry({})], 'green')).toBe(adopted)
    expect(wasLive([live], 'blue')).toBeUndefined()
  })
})
