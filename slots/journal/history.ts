/** Formats the journal as a table. */
import { table } from '../../runner/output/table.ts'
import { moment } from '../../runner/units.ts'
import type { Detached } from '../migration/detached.ts'
import type { JournalEntry } from '../model.ts'

const WHEN = 'when'
const HEAD = ['what', 'slot', 'release', 'revision', 'result', 'took', 'who', 'where']

/** One row per event, newest last. Times are UTC. `newest`: the state of the newest migration on the host. */
export const historyTable = (entries: readonly JournalEntry[], columns?: number, newest?: Detached): string =>
  entries.length === 0
    ? 'The journal is empty.'
    : table(
        entries.map((entry, i) => [
          moment(entry.at),
          ...(hasDestinations(entries) ? [entry.destination ?? '-'] : []),
          entry.event,
          entry.from ? `${entry.from} -> ${entry.slot}` : entry.slot || '-',
          entry.release ?? '-',
          entry.revision?.slice(0, 10) ?? '-',
          resultText(entry, entries.slice(i + 1), newest),
          `${((entry.ms ?? 0) / 1000).toFixed(1)} s`,
          entry.by,
          entry.where ?? '-',
        ]),
        { columns, head: hasDestinations(entries) ? [WHEN, 'destination', ...HEAD] : [WHEN, ...HEAD] },
      )

const hasDestinations = (entries: readonly JournalEntry[]) =>
  entries.some(({ destination }) => destination !== undefined)

function resultText(
  { event, result, why, deploy }: JournalEntry,
  later: readonly JournalEntry[],
  newest: Detached | undefined,
): string {
  if (result === 'failed') return `failed: ${why ?? 'no reason'}`
  if (event === 'canary' && why !== undefined) return `${result}: ${why}`
  if (result !== 'begun' || later.some(entry => entry.event === event && entry.deploy === deploy)) return result
  return newest?.deploy === deploy && newest.state === 'running' ? 'running' : 'begun, its end was not seen'
}
