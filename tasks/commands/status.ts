import { slotFaults } from '../../slots/faults.ts'
import { status as look, statusTable, unhealthyLive } from '../../slots/status/status.ts'
import type { TaskDeps } from '../context.ts'

export const status = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show both slots, and which is live', {
    description:
      'Slot, live, release, state, process, uptime, health and connections. With --json the same as data.\n' +
      'Exits with 3 when it is not certain which slot is live, or when that slot is not healthy.',
    examples: ['status', 'status --json'],
    async run({ note, show, ...seen }) {
      const found = await look(seen)
      note(found.agreed ? (found.live ?? 'no slot is live') : 'the readings do not agree')
      show(columns => statusTable(found, columns), found)
      if (!found.agreed) throw slotFaults.LIVE_UNKNOWN({ readings: Object.entries(found.readings) })
      const ill = unhealthyLive(found)
      if (ill) throw slotFaults.LIVE_ILL({ ...ill, path: seen.health.path })
    },
  })
