/** A day in the journal: a deploy and a promote, a release that did not become healthy, and a rollback. */
import type { JournalEntry } from '../../slots/model.ts'

const entry = (time: string, more: Partial<JournalEntry>): JournalEntry => ({
  at: `2026-11-26T${time}.000Z`,
  by: 'ann@desk',
  where: 'desk',
  deploy: `20261126T${time.replaceAll(':', '')}Z-3fa9`,
  command: more.event ?? 'deploy',
  event: 'deploy',
  slot: 'green',
  release: '0.1.1-3fa9c21',
  result: 'done',
  ms: 6_000,
  ...more,
})

export const DAY: readonly JournalEntry[] = [
  entry('08:00:00', {}),
  entry('08:01:00', { event: 'promote', from: 'blue', figures: { sent: 40, failed: 0, slowest: 12 } }),
  entry('10:30:00', { slot: 'blue', release: '0.1.2-9b3f000', result: 'failed', why: 'SLOT_NOT_HEALTHY' }),
  entry('10:30:01', { slot: 'blue', release: '0.1.2-9b3f000', result: 'undone' }),
  entry('15:00:00', { slot: 'blue', release: '0.1.3-77aa000', by: 'bob in CI', ms: 9_000 }),
  entry('15:00:20', {
    event: 'promote',
    command: 'deploy',
    slot: 'blue',
    from: 'green',
    release: '0.1.3-77aa000',
    figures: { sent: 60, failed: 2, slowest: 310 },
  }),
  entry('15:05:00', {
    event: 'promote',
    command: 'rollback',
    slot: 'green',
    from: 'blue',
    figures: { sent: 20, failed: 0, slowest: 9 },
  }),
]
