import { explainDown, rollbackFault } from '../../slots/journal/story.ts'
import { planSwitch } from '../../slots/promote/switch.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const rollback = <S extends string>(parts: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = parts.task('Check that the slot that was live before is still fit', {
    needs: [takeLock, detectLive],
    async run({ truth, idle, note, ...ground }) {
      const record = truth.records.find(found => found?.slot === idle.name)
      if (!truth.live || !record?.promoted) throw await rollbackFault(ground, idle.name, record, truth.live !== undefined)
      const move = await planSwitch(ground, truth, idle).catch(async (error: unknown) => {
        throw await explainDown(ground, idle.name, record, error)
      })
      note(`${record.release.name} in ${idle.name}`)
      return { move }
    },
  })
  return parts.flow(
    'Send the traffic back to the slot that was live before',
    [planned, switchTraffic(parts, planned)],
    {
      description: 'A promote in the other direction, to a release that is still warm.',
      examples: ['rollback', 'rollback --dry-run'],
    },
  )
}
