import { planMove } from '../slots/move.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'
import { switchTraffic } from './switch-traffic.ts'
import type { TakeLock } from './take-lock.ts'

export const promote = <S extends string>(parts: Parts<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = parts.task('Check that the slot is fit for traffic', {
    needs: [takeLock, detectLive],
    args: { slot: parts.slot },
    async run({ slot, truth, note, show, ...ground }) {
      const move = await planMove(ground, truth, slot)
      note(move ? move.record.release.name : 'already live')
      if (!move) show(`${slot.name} is already live; nothing was touched.`)
      return { move }
    },
  })
  return parts.flow('Send the traffic to a slot', [planned, switchTraffic(parts, planned)], {
    about: 'Refused unless the slot is healthy and runs its release. Switched back when the proof does not come.',
    examples: ['promote green', 'promote --slot green --dry-run'],
  })
}
