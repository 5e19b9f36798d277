import { slotFaults } from '../../slots/faults.ts'
import { assertWhole, fleetStatus, fleetTable, withoutStatus } from '../../slots/fleet/status.ts'
import { incompleteLive, readStatus, statusTable, unhealthyLive } from '../../slots/status/status.ts'
import type { TaskDeps } from '../context.ts'

export const status = <S extends string>({ task, several, machines }: TaskDeps<S>) =>
  task('Show both slots, and which is live', {
    description:
      'Prints slot, live, release, state, process, uptime, health and connections. --json prints them as data.\n' +
      'Exits with 3 if it is not certain which slot is live, if that slot is not healthy, or if one of its processes does not run; with several\n' +
      'hosts also if one of them cannot be reached, or if they do not all serve the same release.',
    examples: ['status', 'status --json'],
    async run({ note, show, ...context }) {
      const hosts = several ? machines.map(({ name }) => name) : undefined
      const own = await readStatus(context, hosts).catch((error: unknown) => {
        if (!several) throw error
        return withoutStatus(error)
      })
      const { status: found } = own
      if (found) note(found.agreed ? (found.live ?? 'no slot is live') : 'the readings do not agree')
      if (several) {
        const all = await context.fleet.gather(own)
        show((columns, bold) => fleetTable(all, columns, bold), fleetStatus(all), { ofAll: true })
        assertWhole(all)
      } else if (found) show(columns => statusTable(found, columns), found)
      if (!found) return
      if (!found.agreed) throw slotFaults.LIVE_UNKNOWN({ readings: Object.entries(found.readings) })
      const ill = unhealthyLive(found)
      if (ill) throw slotFaults.LIVE_ILL({ ...ill, path: context.health.path })
      const incomplete = incompleteLive(found)
      if (incomplete) throw slotFaults.LIVE_INCOMPLETE(incomplete)
    },
  })
