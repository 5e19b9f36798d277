import type { SwarmDeps } from '../context.ts'
import { switchTo } from '../steps/plan-switch.ts'
import { assertVersion } from '../steps/start-slot.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { DetectLive } from '../steps/take-lock.ts'

export const promote = <S extends string>(deps: SwarmDeps<S>, detected: DetectLive) => {
  const planned = deps.task('Check that the slot is fit for traffic', {
    needs: [detected],
    args: { slot: deps.slot },
    async run({ slot, liveState, note, ...context }) {
      const move = await switchTo(context, slot, liveState)
      note(move ? move.service.release : 'already live')
      if (!move) context.show(`${slot} is already live; nothing was touched.`)
      else await assertVersion(context, slot, move.service.version, move.service.replicas)
      return { move }
    },
  })
  return deps.flow('Send the traffic to a slot', [planned, switchTraffic(deps, planned)], {
    description:
      'Refused if a task of the slot is missing, if a router does not answer, or if one does not reach all of them within 15 s.',
    examples: ['promote green', 'promote green --dry-run'],
  })
}
