import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { assertAllAnswer, liveState } from '../live.ts'
import { readSwarm } from '../reading.ts'
import { statusOf, swarmTable } from '../status.ts'
import { unreachedLive } from '../waiting.ts'

export const status = ({ task }: SwarmDeps) =>
  task('Show the slots, their tasks, and the route of each node', {
    description:
      'Exits with 3 if a router does not answer or has another route than the records, if a node is down, if tasks of the live slot are missing,\n' +
      'or if a router does not reach all of them.',
    examples: ['status', 'status --json'],
    async run(context) {
      const { host, slots, show, note } = context
      const { cluster, records, states } = await readSwarm(context)
      const found = statusOf(host.name, slots, cluster, states)
      note(found.agreed ? (found.live ?? 'no slot is live') : 'not all routers agree')
      show((columns, bold) => swarmTable(found, columns, bold), found)
      const state = liveState(slots, cluster, records, states)
      assertAllAnswer(state)
      const live = found.slots.find(slot => slot.live)
      if (live && live.running < live.replicas) throw swarmFaults.LIVE_TASKS_MISSING(live)
      const missed = unreachedLive(cluster, states)
      if (live && missed.length > 0) throw swarmFaults.LIVE_TASKS_UNREACHED({ slot: live.slot, seen: missed })
    },
  })
