import { slotFaults } from '../slots/faults.ts'
import { append, recorded } from '../slots/journal.ts'
import { readRecord } from '../slots/record.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'
import type { TakeLock } from './take-lock.ts'

export const migrate = <S extends string>({ task, slot }: Parts<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) =>
  task("Run the migrations of a slot's release", {
    about: 'Without --slot it is the idle slot: the release that is about to be promoted.',
    examples: ['migrate --slot green', 'migrate'],
    args: { slot: slot.optional() },
    needs: [takeLock, detectLive],
    async run({ runtime, slot, idle, note, log, ...ground }) {
      const { host, layout, deploy } = ground
      const chosen = slot ?? idle
      if (!slot) log(`No --slot was given: the idle slot, ${idle.name}.`)
      const record = await readRecord(host, layout, chosen)
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const { migrate } = runtime
      if (!migrate) throw slotFaults.CANNOT({ verb: 'migrate' })
      const release = record.release.name
      const event = { event: 'migrate', slot: chosen.name, release, revision: record.revision ?? undefined } as const
      await recorded(ground, event, () => migrate(record.release, chosen))
      note(`${release} in ${chosen.name}${slot ? '' : ', the idle slot'}`)
      await append(host, layout, deploy, { ...event, result: 'done' })
    },
  })
