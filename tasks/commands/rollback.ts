import { explainDown, rollbackFault } from '../../slots/journal/story.ts'
import { planSwitch } from '../../slots/promote/switch.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const rollback = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = deps.task('Check that the slot that was live before is still fit', {
    needs: [takeLock, detectLive],
    async run({ liveState, idle, note, ...context }) {
      const record = liveState.records.find(found => found?.slot === idle.name)
      if (!liveState.live || !record?.promoted)
        throw await rollbackFault(context, idle.name, record, liveState.live !== undefined)
      const trafficSwitch = await planSwitch(context, liveState, idle).catch(async (error: unknown) => {
        throw await explainDown(context, idle.name, record, error)
      })
      note(`${record.release.name} in ${idle.name}`)
      return { trafficSwitch }
    },
  })
  return deps.flow('Send the traffic back to the slot that was live before', [planned, switchTraffic(deps, planned)], {
    description: 'A promote in the other direction, to a release that is still running.',
    examples: ['rollback', 'rollback --dry-run'],
  })
}
