import { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { askNewest, detached, migrationOf, releaseIn } from '../../slots/migration/detached.ts'
import { stateWords, unseenMigration } from '../../slots/migration/migration.ts'
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
      'Without --slot it is the idle slot: the release that is about to be promoted. They go on when the connection is cut\n' +
      'and after Ctrl-C; the next run follows them, says how they ended, and does not run them twice. One runs at a time.',
    examples: ['migrate --slot green', 'migrate'],
    args: { slot: slot.optional() },
    needs: [takeLock, detectLive],
    async run({ runtime, slot, idle, dryRun, note, log, show, signal, ...ground }) {
      const { host, layout, deploy } = ground
      const chosen = slot ?? idle
      if (!slot) log(`No --slot was given: the idle slot, ${idle.name}.`)
      const record = await host.query(readRecord(layout, chosen))
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const release = record.release.name
      const migrations = runtime.migrate?.(record.release, chosen)
      if (!migrations) throw slotFaults.CANNOT({ verb: 'migrate' })
      const event = { event: 'migrate', slot: chosen.name, release, revision: record.revision ?? undefined } as const
      const where = `${release} in ${chosen.name}${slot ? '' : ', the idle slot'}`
      const unseen = await unseenMigration({ host, layout, deploy, log })
      const same = unseen?.slot === chosen.name && releaseIn(unseen) === release
      if (same && unseen.state === 0)
        return note(`${where}: ${unseen.deploy} had run them to their good end when it was cut off; not run again`)
      const cut = same ? `${unseen.deploy} was cut off and ${stateWords(unseen.state)}: run again` : ''
      if (cut) log(cut)
      try {
        const step = { slot: chosen.name, kind: migrationOf(release), deploy: deploy.id, by: deploy.by }
        const batch = host.pipeline()
        // The journal knows of each migration that began, also when nobody sees its end.
        batch.push(append(layout, deploy, { ...event, result: 'begun' }))
        batch.push(detached(migrations, layout, step))
        await batch.run()
      } catch (error) {
        const goesOn = await stillRuns(error)
        if (goesOn)
          show(`The migrations of ${where} ${goesOn}. \`npx task migrate --slot ${chosen.name}\` follows them.`)
        else {
          const why = error instanceof Fault ? error.code : 'FAILED'
          await host.query(append(layout, deploy, { ...event, result: 'failed', why })).catch(() => undefined)
        }
        throw error
      }
      note([where, cut, dryRun && 'not run in a dry run'].filter(Boolean).join('; '))
      await host.query(append(layout, deploy, { ...event, result: 'done' }))

      /** What there is to say when we do not see their end: only we were interrupted, or cut off. */
      async function stillRuns(error: unknown): Promise<string | undefined> {
        const lost = error instanceof Fault && error.code === 'CONNECTION_LOST'
        if (!lost && !signal.aborted) return undefined
        const newest = await host.query(askNewest(layout)).catch(() => undefined)
        if (newest === undefined) return lost ? `may still run on ${host.name}` : undefined
        return newest.deploy === deploy.id && newest.state === 'running' ? `go on on ${host.name}` : undefined
      }
    },
  })
