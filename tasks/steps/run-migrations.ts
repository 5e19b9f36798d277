import { Fault } from '../../runner/fault.ts'
import type { TaskContext } from '../../runner/task.ts'
import type { Slot } from '../../slots/contracts.ts'
import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { detached, migratedRelease, migrationKind, newestMigration } from '../../slots/migration/detached.ts'
import { describeState, unseenMigration } from '../../slots/migration/migration.ts'
import type { SlotRecord } from '../../slots/state/slot-record.ts'
import type { Context } from '../context.ts'

type MigrationContext<S extends string> = Context<S> & TaskContext

/** Runs the migrations of a slot's release. `where`: the release and its slot, for messages. */
export async function runMigrations<S extends string>(
  context: MigrationContext<S>,
  slot: Slot,
  record: SlotRecord,
  where: string,
): Promise<void> {
  const { host, layout, deploy, runtime, signal, dryRun, log, note, show } = context
  const release = record.release.name
  const migrations = runtime.migrate?.(record.release, slot)
  if (!migrations) throw slotFaults.CANNOT({ verb: 'migrate' })
  const event = { event: 'migrate', slot: slot.name, release, revision: record.revision ?? undefined } as const
  const unseen = await unseenMigration({ host, layout, deploy, log })
  const same = unseen?.slot === slot.name && migratedRelease(unseen) === release
  if (same && unseen.state === 0)
    return note(`${where}: already completed by ${unseen.deploy}, which lost its connection; not run again`)
  const cut = same
    ? `the migrations of ${unseen.deploy}, which lost its connection, ${describeState(unseen.state)}: run again`
    : ''
  if (cut) log(cut)
  try {
    const step = { slot: slot.name, kind: migrationKind(release), deploy: deploy.id, by: deploy.by }
    const batch = host.pipeline()
    // Recorded before the start, so that the journal has each migration even if nobody sees its end.
    batch.push(append(layout, deploy, { ...event, result: 'begun' }))
    batch.push(detached(migrations, layout, step))
    await batch.run()
  } catch (error) {
    const continues = await stillRunning(error)
    if (continues)
      show(`The migrations of ${where} ${continues}. \`npx task migrate --slot ${slot.name}\` follows them.`)
    else {
      const why = error instanceof Fault ? error.code : 'FAILED'
      // The migration's error is the one to report.
      await host.query(append(layout, deploy, { ...event, result: 'failed', why })).catch(() => undefined)
    }
    throw error
  }
  note([where, cut, dryRun && 'not run in a dry run'].filter(Boolean).join('; '))
  await host.query(append(layout, deploy, { ...event, result: 'done' }))

  /** Describes migrations that outlive an interrupt or a lost connection; undefined for any other error. */
  async function stillRunning(error: unknown): Promise<string | undefined> {
    const lost = error instanceof Fault && error.code === 'CONNECTION_LOST'
    if (!lost && !signal.aborted) return undefined
    // A host that does not answer: nobody knows whether they still run.
    const newest = await host.query(newestMigration(layout)).catch(() => undefined)
    if (newest === undefined) return lost ? `may still be running on ${host.name}` : undefined
    return newest.deploy === deploy.id && newest.state === 'running' ? `continue on ${host.name}` : undefined
  }
}
