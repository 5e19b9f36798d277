/** Migrations must not run twice: what became of one whose client was cut off is asked before another is begun. */
import type { Host } from '../../host/host.ts'
import { readJournal } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import type { SlotRecord } from '../truth/record.ts'
import { type Detached, follow, newest, parseNewest } from './detached.ts'

/** The kind of a detached step: of one release only, whatever ran in the slot before it. */
export const migrationOf = ({ release }: SlotRecord): string => `migrate-${release.name}`

interface Ground {
  readonly host: Host
  readonly layout: Layout
  log(line: string): void
}

/**
 * The migration of this release that nobody saw the end of, with its exit code; `lost` when the host has no result of it.
 * One that still runs is followed to its end first.
 */
export async function unseenMigration(
  { host, layout, log }: Ground,
  record: SlotRecord,
): Promise<Detached | undefined> {
  const kind = migrationOf(record)
  const { tasks } = layout.slot(record.slot)
  const [found, entries] = await Promise.all([
    host.ask(newest(tasks, kind)).then(parseNewest),
    readJournal(host, layout, 500),
  ])
  const seen = entries.some(
    ({ event, deploy, result, why }) =>
      event === 'migrate' && deploy === found?.deploy && (result === 'done' || why === 'MIGRATION_FAILED'),
  )
  if (!found || seen) return undefined
  if (found.state !== 'running') return found
  log(`The migration that ${found.deploy} began still runs: it is followed to its end.`)
  await host.run(follow(tasks, found.deploy, kind), { onLine: log })
  return parseNewest(await host.ask(newest(tasks, kind)))
}
