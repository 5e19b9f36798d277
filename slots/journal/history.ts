/** Formats the journal as a table; those of several hosts as one. */
import { table } from '../../runner/output/table.ts'
import type { Gathered } from '../../runner/task.ts'
import { moment } from '../../runner/units.ts'
import type { Detached } from '../migration/detached.ts'
import type { Figures, JournalEntry } from '../model.ts'

/** An entry of the journals of several hosts. */
export interface FleetEntry extends JournalEntry {
  /** The hosts that have it, in the order of the Taskfile. */
  readonly hosts: readonly string[]
}

/** One row per event, newest last. Times are UTC. `newest`: the state of the newest migration on the host. */
export const historyTable = (entries: readonly JournalEntry[], columns?: number, newest?: Detached): string =>
  rowsOf(entries, newest ? [newest] : [], columns)

/**
 * The entries of several hosts, oldest first. What a run did on several of them is one entry, with the time of the first host, the duration of the
 * slowest, and the requests of all.
 *
 * @param last how many of the newest; all by default
 */
export function mergedHistory(
  all: readonly Gathered<readonly JournalEntry[]>[],
  last = Number.POSITIVE_INFINITY,
): readonly FleetEntry[] {
  const merged = new Map<string, FleetEntry>()
  for (const { host, value: entries } of all) {
    const times = new Map<string, number>()
    for (const entry of entries) {
      const { at, ms, figures, ...same } = entry
      const what = JSON.stringify(Object.entries(same).sort(([a], [b]) => a.localeCompare(b)))
      const nth = (times.get(what) ?? 0) + 1
      times.set(what, nth)
      const known = merged.get(`${nth} ${what}`)
      merged.set(`${nth} ${what}`, {
        ...entry,
        at: known && known.at < at ? known.at : at,
        ms: Math.max(known?.ms ?? 0, ms ?? 0),
        figures: sumOf(known?.figures, figures),
        hosts: [...(known?.hosts ?? []), host],
      })
    }
  }
  return [...merged.values()].sort((a, b) => a.at.localeCompare(b.at)).slice(-last)
}

const sumOf = (a: Figures | undefined, b: Figures | undefined): Figures | undefined =>
  a && b ? { sent: a.sent + b.sent, failed: a.failed + b.failed, slowest: Math.max(a.slowest, b.slowest) } : (a ?? b)

/** As `historyTable`. The rows have hosts if one of them is not of all hosts. */
export const fleetHistoryTable = (
  entries: readonly FleetEntry[],
  hosts: readonly string[],
  migrations: readonly Detached[],
  columns?: number,
): string => rowsOf(entries, migrations, columns, hosts)

const rowsOf = (
  entries: readonly (JournalEntry & Partial<FleetEntry>)[],
  migrations: readonly Detached[],
  columns: number | undefined,
  hosts: readonly string[] = [],
): string => {
  if (entries.length === 0) return 'The journal is empty.'
  const cells = historyCells(entries, { hosts, migrations })
  const head = Object.keys(cells[0] ?? {})
  return table(
    cells.map(row => Object.values(row)),
    { columns, head },
  )
}

interface Shown {
  /** Those that were asked. */
  readonly hosts: readonly string[]
  readonly migrations: readonly Detached[]
}

/** A promote that `rollback` made; entries of earlier versions do not tell. */
export const isRollback = ({ event, command }: Pick<JournalEntry, 'event' | 'command'>): boolean =>
  event === 'promote' && command === 'rollback'

/** What a row shows of each entry, by the name of its column. */
export const historyCells = (
  entries: readonly (JournalEntry & Partial<FleetEntry>)[],
  { hosts, migrations }: Shown,
): readonly Readonly<Record<string, string>>[] => {
  const apart = entries.some(entry => entry.hosts !== undefined && entry.hosts.length < hosts.length)
  const toSome = entries.some(({ destination }) => destination !== undefined)
  return entries.map((entry, i) => ({
    when: moment(entry.at),
    ...(apart && { host: hostsText(entry.hosts ?? [], hosts) }),
    ...(toSome && { destination: entry.destination ?? '-' }),
    what: isRollback(entry) ? 'rollback' : entry.event,
    slot: entry.from ? `${entry.from} -> ${entry.slot}` : entry.slot || '-',
    release: entry.release ?? '-',
    revision: entry.revision?.slice(0, 10) ?? '-',
    result: resultText(entry, entries.slice(i + 1), migrations),
    took: `${((entry.ms ?? 0) / 1000).toFixed(1)} s`,
    who: entry.by,
    where: entry.where ?? '-',
  }))
}

/** The shorter one of those that have an entry and those that have not. */
function hostsText(names: readonly string[], all: readonly string[]): string {
  const without = all.filter(host => !names.includes(host))
  if (without.length === 0) return 'all'
  return without.length < names.length ? `all but ${without.join(', ')}` : names.join(', ')
}

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
