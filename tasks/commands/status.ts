import { slotFaults } from '../../slots/faults.ts'
import { incompleteLive, status as readStatus, statusTable, unhealthyLive } from '../../slots/status/status.ts'
import type { TaskDeps } from '../context.ts'

export const status = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show both slots, and which is live', {
    description:
      'Prints slot, live, release, state, process, uptime, health and connections. --json prints them as data.\n' +
      'Exits with 3 if it is not certain which slot is live, if that slot is not healthy, or if one of its processes does not run.',
    examples: ['status', 'status --json'],
    async run({ note, show, ...context }) {
      const found = await readStatus(context)
      note(found.agreed ? (found.live ?? 'no slot is live') : 'the readings do not agree')
      show(columns => statusTable(found, columns), found)
      if (!found.agreed) throw slotFaults.LIVE_UNKNOWN({ readings: Object.entries(found.readings) })
      const ill = unhealthyLive(found)
      if (ill) throw slotFaults.LIVE_ILL({ ...ill, path: context.health.path })
      const incomplete = incompleteLive(found)
      if (incomplete) throw slotFaults.LIVE_INCOMPLETE(incomplete)
    },
  })
