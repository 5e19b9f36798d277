import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { switchTo } from '../steps/plan-switch.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { DetectLive } from '../steps/take-lock.ts'

export const rollback = (deps: SwarmDeps, detected: DetectLive) => {
  const planned = deps.task('Check that the previous slot is fit for traffic', {
    needs: [detected],
    async run({ liveState, note, ...context }) {
      const { live, idle, cluster, records } = liveState
      if (!live) throw swarmFaults.NOTHING_TO_GO_BACK_TO({ why: 'no slot is live' })
      const release = cluster.slots.get(idle)?.release
      if (release === undefined || records.promoted[idle] !== release)
        throw swarmFaults.NOTHING_TO_GO_BACK_TO({ why: `${release ?? 'nothing'} in ${idle} was never live there` })
      note(`${release} in ${idle}`)
      return { move: await switchTo(context, idle, liveState) }
    },
  })
  return deps.flow('Send the traffic back to the slot that was live before', [planned, switchTraffic(deps, planned)], {
    description:
      'A promote in the other direction, to tasks that still run. Migrations are not run, in either direction.',
    examples: ['rollback', 'rollback --dry-run'],
  })
}
