/** Migrations must not run twice: what became of one whose client was cut off is asked before another is begun. */

import type { Deps } from '../deps.ts'
import { append, readJournal } from '../journal/journal.ts'
import type { JournalEntry } from '../model.ts'
import { askNewest, type Detached, follow, releaseIn } from './detached.ts'

/** Whether the journal knows how it ended. */
const settled = (entries: readonly JournalEntry[], { deploy }: Detached): boolean =>
  entries.some(({ event, deploy: by, result }) => event === 'migrate' && by === deploy && result !== 'begun')

/**
 * The newest migration, whatever its slot and release, when nobody saw its end: `lost` when the host has no result of it. One that still runs is
 * followed to its end first. Then the journal knows its end too.
 */
export async function unseenMigration({
  host,
  layout,
  deploy,
  log,
}: Pick<Deps, 'host' | 'layout' | 'deploy' | 'log'>): Promise<Detached | undefined> {
  const [newest, entries] = await host.all([askNewest(layout), readJournal(layout, 500)])
  let found = newest
  if (!found || settled(entries, found)) return undefined
  if (found.state === 'running') {
    log(`The migrations of ${releaseIn(found)} that ${found.by} began still run: they are followed to their end.`)
    await host.run(follow(layout, found), { onLine: log })
    found = await host.query(askNewest(layout))
  }
  if (!found || found.state === 'running') return found
  const event = { event: 'migrate', slot: found.slot, release: releaseIn(found) } as const
  const why = found.state === 'lost' ? 'MIGRATION_LOST' : 'MIGRATION_FAILED'
  const end = found.state === 0 ? { ...event, result: 'done' as const } : { ...event, result: 'failed' as const, why }
  await host.query(append(layout, { ...deploy, id: found.deploy }, end))
  return found
}

/** What there is to say of the newest migration; undefined when it came to its good end. */
export function migrationWords(found: Detached): string | undefined {
  if (found.state === 0) return undefined
  const which = `those of ${releaseIn(found)} in ${found.slot}, which ${found.by} began at ${found.since},`
  return `${which} ${stateWords(found.state)}`
}

export const stateWords = (state: Detached['state']): string =>
  state === 'running' ? 'still run' : state === 'lost' ? 'left no result' : `ended with exit code ${state}`
