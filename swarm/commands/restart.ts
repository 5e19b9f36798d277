import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { assertNeeded } from '../needed.ts'
import { switchTo } from '../steps/plan-switch.ts'
import { startSlot } from '../steps/start-slot.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { DetectLive, TakeLock } from '../steps/take-lock.ts'

export const restart = (deps: SwarmDeps, locked: TakeLock, detected: DetectLive) => {
  const found = deps.task('Find the release that is live', {
    needs: [detected],
    async run({ liveState: { live, idle, cluster }, definition, host, note }) {
      const service = live === undefined ? undefined : cluster.slots.get(live)
      if (!service) throw swarmFaults.NOTHING_LIVE({})
      const needed = assertNeeded(definition)
      if (needed) await host.query(needed)
      const { release: name, version, image, revision } = service
      note(`${name}, which replaces ${cluster.slots.get(idle)?.release ?? 'nothing'} in ${idle}`)
      return { release: { name, version, image, local: !image.includes('@'), ...(revision && { revision }) } }
    },
  })
  const started = startSlot(deps, detected, found)
  const planned = deps.task('Plan the switch', {
    needs: [started],
    async run({ idle, dryRun, note, ...context }) {
      note(`the traffic ${dryRun ? 'would move' : 'moves'} to ${idle}`)
      return { move: dryRun ? undefined : await switchTo(context, idle) }
    },
  })
  return deps.flow(
    'Restart the live release in the idle slot, and move the traffic there',
    [locked, detected, found, started, planned, switchTraffic(deps, planned)],
    {
      description:
        'Without downtime, for changed variables: the idle slot gets the release that is live, with the present variables of the Taskfile. When its\n' +
        'tasks are healthy, the traffic moves there. The release that the idle slot had is replaced. Nothing is built, sent or migrated. Tasks\n' +
        'that only have to start anew: `docker service update --force`.',
      examples: ['restart', 'restart --dry-run'],
    },
  )
}
