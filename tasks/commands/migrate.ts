import { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { detached, migratedRelease, migrationKind, newestMigration } from '../../slots/migration/detached.ts'
import { describeState, unseenMigration } from '../../slots/migration/migration.ts'
import { readRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const migrate = <S extends string>(
  { task, slot }: TaskDeps<S>,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) =>
  task("Run the migrations of a slot's release", {
    description:
      'Without --slot, the migrations of the idle slot run: of the release to be promoted next. They continue if the connection is lost\n' +
      'and after Ctrl-C. The next run follows them, prints their result, and does not run them twice. Only one runs at a time.',
    examples: ['migrate --slot green', 'migrate'],
    args: { slot: slot.optional() },
    needs: [takeLock, detectLive],
    async run({ runtime, slot, idle, dryRun, note, log, show, signal, ...context }) {
      const { host, layout, deploy } = context
      const chosen = slot ?? idle
      if (!slot) log(`No --slot was given. Using the idle slot, ${idle.name}.`)
      const record = await host.query(readRecord(layout, chosen))
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const release = record.release.name
      const migrations = runtime.migrate?.(record.release, chosen)
      if (!migrations) throw slotFaults.CANNOT({ verb: 'migrate' })
      const event = { event: 'migrate', slot: chosen.name, release, revision: record.revision ?? undefined } as const
      const where = `${release} in ${chosen.name}${slot ? '' : ', the idle slot'}`
      const unseen = await unseenMigration({ host, layout, deploy, log })
      const same = unseen?.slot === chosen.name && migratedRelease(unseen) === release
      if (same && unseen.state === 0)
        return note(`${where}: already completed by ${unseen.deploy}, which lost its connection; not run again`)
      const cut = same
        ? `the migrations of ${unseen.deploy}, which lost its connection, ${describeState(unseen.state)}: run again`
        : ''
      if (cut) log(cut)
      try {
        const step = { slot: chosen.name, kind: migrationKind(release), deploy: deploy.id, by: deploy.by }
        const batch = host.pipeline()
        // Recorded before the start, so that the journal has each migration even if nobody sees its end.
        batch.push(append(layout, deploy, { ...event, result: 'begun' }))
        batch.push(detached(migrations, layout, step))
        await batch.run()
      } catch (error) {
        const continues = await stillRunning(error)
        if (continues)
          show(`The migrations of ${where} ${continues}. \`npx task migrate --slot ${chosen.name}\` follows them.`)
        else {
          const why = error instanceof Fault ? error.code : 'FAILED'
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
        const newest = await host.query(newestMigration(layout)).catch(() => undefined)
        if (newest === undefined) return lost ? `may still be running on ${host.name}` : undefined
        return newest.deploy === deploy.id && newest.state === 'running' ? `continue on ${host.name}` : undefined
      }
    },
  })
