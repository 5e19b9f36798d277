import { arg } from '../../runner/cli/args.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { liveState } from '../live.ts'

export type TakeLock = ReturnType<typeof takeLock>
export type DetectLive = ReturnType<typeof detectLive>

/** Required by every step that changes something. The lock is released when the run ends, for whatever reason. */
export const takeLock = ({ task }: SwarmDeps) =>
  task('Take the lock', {
    args: { lockWait: arg.duration('How long to wait if another run holds the lock, such as 5m').optional() },
    changes: true,
    async run({ lockWait, takeLock, dryRun, note, log, signal }) {
      const onWait = (owner: { by: string; since: string; doing: string }) =>
        log(`Waiting for ${owner.by}, who has held the lock since ${owner.since}: ${owner.doing}.`)
      await takeLock({ wait: lockWait ?? 0, signal, onWait })
      if (dryRun) note('not taken in a dry run')
    },
  })

export const detectLive = ({ task }: SwarmDeps, locked: TakeLock) =>
  task('Ask the routers which slot is live', {
    needs: [locked],
    async run({ app, host, slots, note, ...context }) {
      const cluster = await context.cluster()
      if (!cluster.records || !cluster.router) throw swarmFaults.SWARM_NOT_SET_UP({ app, host: host.name })
      const states = await (await context.control(cluster)).states()
      const state = liveState(slots, cluster, cluster.records, states)
      note(state.live ?? 'no slot is live yet')
      return { liveState: state }
    },
  })
