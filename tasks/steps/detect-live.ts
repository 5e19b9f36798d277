import { liveEverywhere } from '../../slots/fleet/agreement.ts'
import { readingLines, recordIn, resolveLive } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'

export type DetectLive<S extends string> = ReturnType<typeof detectLive<S>>

/** `split`: for a command that can end a state in which the hosts serve different slots or releases. */
export const detectLive = <S extends string>({ task }: TaskDeps<S>, { split = false } = {}) =>
  task('Find out which slot is live', {
    description:
      'The router, the public answer and the records on the host must agree, otherwise the run stops here. All hosts must serve the same release.',
    async run({ readings, slots, fleet, log, note, tell }) {
      const found = resolveLive(await readings(), slots)
      // A host without a router does as the others, which have the canary.
      const shares = await fleet.gather(found.canary)
      const read = { ...found, canary: found.canary ?? shares.find(({ value }) => value)?.value }
      tell({ previous: read.live?.name })
      for (const [who, says] of readingLines(read)) log(`${who}: ${says}`)
      const elsewhere = split ? undefined : await liveEverywhere(fleet, read)
      // A host that was added gets the release in the same slot as the others.
      const idle = read.live ? read.idle : slots.other(slots.get(elsewhere))
      note(read.live ? read.live.name : `none yet, the first deploy goes to ${idle.name}`)
      const idleRecord = recordIn(read, idle)
      return { liveState: { ...read, idle }, live: read.live, idle, idleRecord }
    },
  })
