/** Formats the journal as a table; those of several hosts as one. */
import { table } from '../../runner/output/table.ts'
import type { Gathered } from '../../runner/task.ts'
import { moment } from '../../runner/units.ts'
import type { Detached } from '../migration/detached.ts'
import type { JournalEntry } from '../model.ts'

const WHEN = 'when'
const HEAD = ['what', 'slot', 'release', 'revision', 'result', 'took', 'who', 'where']

/** An entry of the journals of several hosts. */
export interface FleetEntry extends JournalEntry {
  /** The hosts that have it, in the order of the Taskfile. */
  readonly hosts: readonly string[]
}

/** One row per event, newest last. Times are UTC. `newest`: the state of the newest migration on the host. */
export const historyTable = (entries: readonly JournalEntry[], columns?: number, newest?: Detached): string =>
  rowsOf(entries, newest ? [newest] : [], columns)

/**
 * The entries of several hosts, oldest first. What a run did on several of them is one entry, with the time of the first host and the duration of the
 * slowest.
 *
 * @param last how many of the newest
 */
export function mergedHistory(all: readonly Gathered<readonly JournalEntry[]>[], last: number): readonly FleetEntry[] {
  const merged = new Map<string, FleetEntry>()
  for (const { host, value: entries } of all) {
    const times = new Map<string, number>()
    for (const entry of entries) {
      const { at, ms, ...same } = entry
      const what = JSON.stringify(Object.entries(same).sort(([a], [b]) => a.localeCompare(b)))
      const nth = (times.get(what) ?? 0) + 1
      times.set(what, nth)
      const known = merged.get(`${nth} ${what}`)
      merged.set(`${nth} ${what}`, {
        ...entry,
        at: known && known.at < at ? known.at : at,
        ms: Math.max(known?.ms ?? 0, ms ?? 0),
        hosts: [...(known?.hosts ?? []), host],
      })
    }
  }
  return [...merged.values()].sort((a, b) => a.at.localeCompare(b.at)).slice(-last)
}

/** As `historyTable`. The rows have hosts if one of them is not of all hosts. */
export const fleetHistoryTable = (
  entries: readonly FleetEntry[],
  hosts: readonly string[],
  migrations: readonly Detached[],
  columns?: number,
): string =>
  rowsOf(entries, migrations, columns, entries.every(entry => entry.hosts.length === hosts.length) ? undefined : hosts)

const rowsOf = (
  entries: readonly (JournalEntry & Partial<FleetEntry>)[],
  migrations: readonly Detached[],
  columns: number | undefined,
  hosts?: readonly string[],
): string =>
  entries.length === 0
    ? 'The journal is empty.'
    : table(
        entries.map((entry, i) => [
          moment(entry.at),
          ...(hosts ? [hostsText(entry.hosts ?? [], hosts)] : []),
          ...(hasDestinations(entries) ? [entry.destination ?? '-'] : []),
          entry.event,
          entry.from ? `${entry.from} -> ${entry.slot}` : entry.slot || '-',
          entry.release ?? '-',
          entry.revision?.slice(0, 10) ?? '-',
          resultText(entry, entries.slice(i + 1), migrations),
          `${((entry.ms ?? 0) / 1000).toFixed(1)} s`,
          entry.by,
          entry.where ?? '-',
        ]),
        {
          columns,
          head: [WHEN, ...(hosts ? ['host'] : []), ...(hasDestinations(entries) ? ['destination'] : []), ...HEAD],
        },
      )

/** The shorter one of those that have an entry and those that have not. */
function hostsText(names: readonly string[], all: readonly string[]): string {
  const without = all.filter(host => !names.includes(host))
  if (without.length === 0) return 'all'
  return without.length < names.length ? `all but ${without.join(', ')}` : names.join(', ')
}

const hasDestinations = (entries: readonly JournalEntry[]) =>
  entries.some(({ destination }) => destination !== undefined)

function resultText(
  { event, result, why, deploy }: JournalEntry,
  later: readonly JournalEntry[],
  migrations: readonly Detached[],
): string {
  if (result === 'failed') return `failed: ${why ?? 'no reason'}`
  if (event === 'canary' && why !== undefined) return `${result}: ${why}`
  if (result !== 'begun' || later.some(entry => entry.event === event && entry.deploy === deploy)) return result
  const running = migrations.some(newest => newest.deploy === deploy && newest.state === 'running')
  return running ? 'running' : 'begun, its end was not seen'
}
