/** The journal for people. */
import { table } from '../../runner/table.ts'
import type { Entry } from './journal.ts'

const HEAD = ['when', 'what', 'slot', 'release', 'revision', 'result', 'took', 'who', 'where']

/** One row an event, the newest last. Times are UTC. */
export const historyTable = (entries: readonly Entry[], columns?: number): string =>
  entries.length === 0
    ? 'The journal is empty.'
    : table(
        entries.map(entry => [
          entry.at.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
          entry.event,
          entry.from ? `${entry.from} -> ${entry.slot}` : entry.slot || '-',
          entry.release ?? '-',
          entry.revision?.slice(0, 10) ?? '-',
          entry.result === 'failed' ? `failed: ${entry.why ?? 'no reason'}` : entry.result,
          `${((entry.ms ?? 0) / 1000).toFixed(1)} s`,
          entry.by,
          entry.where ?? '-',
        ]),
        { columns, head: HEAD },
      )
