import { slotFaults } from '../slots/faults.ts'
import { append, recorded } from '../slots/journal/journal.ts'
import { migrationOf, unseenMigration } from '../slots/migration/migration.ts'
import { readRecord } from '../slots/truth/record.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'
import type { TakeLock } from './take-lock.ts'

export const migrate = <S extends string>({ task, slot }: Parts<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) =>
  task("Run the migrations of a slot's release", {
    about:
      'Without --slot it is the idle slot: the release that is about to be promoted. They go on when the connection is cut;\n' +
      'the next run says how that ended, and does not run them twice.',
    examples: ['migrate --slot green', 'migrate'],
    args: { slot: slot.optional() },
    needs: [takeLock, detectLive],
    async run({ detached, slot, idle, dryRun, note, log, ...ground }) {
      const { host, layout, deploy } = ground
      const chosen = slot ?? idle
      if (!slot) log(`No --slot was given: the idle slot, ${idle.name}.`)
      const record = await readRecord(host, layout, chosen)
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const { migrate } = detached(chosen, migrationOf(record))
      if (!migrate) throw slotFaults.CANNOT({ verb: 'migrate' })
      const release = record.release.name
      const event = { event: 'migrate', slot: chosen.name, release, revision: record.revision ?? undefined } as const
      const where = `${release} in ${chosen.name}${slot ? '' : ', the idle slot'}`
      const unseen = await unseenMigration({ host, layout, log }, record)
      if (unseen?.state === 0) {
        note(`${where}: ${unseen.deploy} had run them to their good end when it was cut off; not run again`)
        return append(host, layout, { ...deploy, id: unseen.deploy }, { ...event, result: 'done' })
      }
      const cut = unseen ? `${unseen.deploy} was cut off and ${words(unseen.state)}: run again` : ''
      if (cut) log(cut)
      await recorded(ground, event, () => migrate(record.release, chosen))
      note([where, cut, dryRun && 'not run in a dry run'].filter(Boolean).join('; '))
      await append(host, layout, deploy, { ...event, result: 'done' })
    },
  })

const words = (state: number | string) =>
  typeof state === 'number' ? `ended with exit code ${state}` : 'left no result'
