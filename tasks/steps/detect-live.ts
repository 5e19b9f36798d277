import { readingLines, recordIn, resolveLive } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'

export type DetectLive<S extends string> = ReturnType<typeof detectLive<S>>

export const detectLive = <S extends string>({ task }: TaskDeps<S>) =>
  task('Find out which slot is live', {
    description: 'The router, the public answer and the records on the host must agree, otherwise the run stops here.',
    async run({ readings, slots, log, note, tell }) {
      const read = resolveLive(await readings(), slots)
      tell({ previous: read.live?.name })
      for (const [who, says] of readingLines(read)) log(`${who}: ${says}`)
      note(read.live ? read.live.name : `none yet, the first deploy goes to ${read.idle.name}`)
      const idleRecord = recordIn(read, read.idle)
      return { liveState: read, live: read.live, idle: read.idle, idleRecord }
    },
  })
