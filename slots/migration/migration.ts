/** Migrations must not run twice. Before one starts, the result of an earlier one whose client was cut off is looked up. */

import type { Deps } from '../deps.ts'
import { append, readJournal } from '../journal/journal.ts'
import type { JournalEntry } from '../model.ts'
import { type Detached, follow, migratedRelease, newestMigration } from './detached.ts'

/** Whether the journal has the end of a migration. */
const recordedEnd = (entries: readonly JournalEntry[], { deploy }: Detached): boolean =>
  entries.some(({ event, deploy: by, result }) => event === 'migrate' && by === deploy && result !== 'begun')

/**
 * The newest migration of any slot and release, if the journal lacks its end; else undefined. One that is still running is followed to its end. The
 * end is then appended to the journal.
 */
export async function unseenMigration({
  host,
  layout,
  deploy,
  log,
}: Pick<Deps, 'host' | 'layout' | 'deploy' | 'log'>): Promise<Detached | undefined> {
  const [newest, entries] = await host.all([newestMigration(layout), readJournal(layout, 500)])
  let found = newest
  if (!found || recordedEnd(entries, found)) return undefined
  if (found.state === 'running') {
    log(
      `The migrations of ${migratedRelease(found)} that ${found.by} started are still running. Following them to their end.`,
    )
    await host.run(follow(layout, found), { onLine: log })
    found = await host.query(newestMigration(layout))
  }
  if (!found || found.state === 'running') return found
  const event = { event: 'migrate', slot: found.slot, release: migratedRelease(found) } as const
  const why = found.state === 'lost' ? 'MIGRATION_LOST' : 'MIGRATION_FAILED'
  const end = found.state === 0 ? { ...event, result: 'done' as const } : { ...event, result: 'failed' as const, why }
  await host.query(append(layout, { ...deploy, id: found.deploy }, end))
  return found
}

/** Describes an unsuccessful or running migration; undefined if it succeeded. */
export function describeMigration(found: Detached): string | undefined {
  if (found.state === 0) return undefined
  const which = `those of ${migratedRelease(found)} in ${found.slot}, which ${found.by} started at ${found.since},`
  return `${which} ${describeState(found.state)}`
}

export const describeState = (state: Detached['state']): string =>
  state === 'running' ? 'are still running' : state === 'lost' ? 'left no result' : `ended with exit code ${state}`
