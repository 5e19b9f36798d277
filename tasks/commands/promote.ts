import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { explainDown } from '../../slots/journal/story.ts'
import { planSwitch } from '../../slots/promote/switch.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { force, switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const promote = <S extends string>(parts: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = parts.task('Check that the slot is fit for traffic', {
    needs: [takeLock, detectLive],
    args: {
      slot: parts.slot,
      force,
    },
    async run({ slot, force, truth, note, show, ...ground }) {
      const { host, layout } = ground
      const record = truth.records.find(found => found?.slot === slot.name)
      const event = {
        event: 'promote',
        slot: slot.name,
        from: truth.live?.name,
        release: record?.release.name,
      } as const
      const known =
        force || !record || truth.live?.name === slot.name ? undefined : assertNotBad(layout, record.release.name)
      const [fine, planned] = await Promise.allSettled([known && host.query(known), planSwitch(ground, truth, slot)])
      if (fine.status === 'rejected') throw fine.reason
      const move = await recorded(ground, event, async () => {
        if (planned.status === 'fulfilled') return planned.value
        throw await explainDown(ground, slot.name, record, planned.reason)
      })
      note(move ? move.record.release.name : 'already live')
      if (!move) show(`${slot.name} is already live; nothing was touched.`)
      return { move }
    },
  })
  return parts.flow('Send the traffic to a slot', [planned, switchTraffic(parts, planned)], {
    description:
      'Refused unless the slot is healthy and runs its release, and when that release failed before and did not make that\n' +
      'good since. Switched back when the proof does not come.',
    examples: ['promote green', 'promote --slot green --dry-run'],
  })
}
