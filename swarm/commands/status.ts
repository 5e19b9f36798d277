import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { assertAllAnswer, liveState } from '../live.ts'
import { statusOf, swarmTable } from '../status.ts'

export const status = ({ task }: SwarmDeps) =>
  task('Show the slots, their tasks, and the route of each node', {
    description:
      'Exits with 3 if a router does not answer or has another route than the records, if a node is down, or if tasks of the live slot are missing.',
    examples: ['status', 'status --json'],
    async run(context) {
      const { app, host, slots, show, note } = context
      const cluster = await context.cluster()
      if (!cluster.records || !cluster.router) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
      const states = await (await context.control(cluster)).states()
      const found = statusOf(host.name, slots, cluster, states)
      note(found.agreed ? (found.live ?? 'no slot is live') : 'not all routers agree')
      show(columns => swarmTable(found, columns), found)
      const state = liveState(slots, cluster, cluster.records, states)
      assertAllAnswer(state)
      const live = found.slots.find(slot => slot.live)
      if (live && live.running < live.replicas) throw swarmFaults.LIVE_TASKS_MISSING(live)
    },
  })
