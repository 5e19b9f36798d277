import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { explainDown } from '../../slots/journal/story.ts'
import { planSwitch } from '../../slots/promote/switch.ts'
import { recordIn } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { force, switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const promote = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = deps.task('Check that the slot is fit for traffic', {
    needs: [takeLock, detectLive],
    args: {
      slot: deps.slot,
      force,
    },
    async run({ slot, force, liveState, note, show, ...context }) {
      const { host, layout } = context
      const record = recordIn(liveState, slot)
      const event = {
        event: 'promote',
        slot: slot.name,
        from: liveState.live?.name,
        release: record?.release.name,
      } as const
      const known =
        force || !record || liveState.live?.name === slot.name ? undefined : assertNotBad(layout, record.release.name)
      const [allowed, planned] = await Promise.allSettled([
        known && host.query(known),
        planSwitch(context, liveState, slot),
      ])
      if (allowed.status === 'rejected') throw allowed.reason
      const trafficSwitch = await recorded(context, event, async () => {
        if (planned.status === 'fulfilled') return planned.value
        throw await explainDown(context, slot.name, record, planned.reason)
      })
      note(trafficSwitch ? trafficSwitch.record.release.name : 'already live')
      if (!trafficSwitch) show(`${slot.name} is already live; nothing was touched.`)
      return { trafficSwitch }
    },
  })
  return deps.flow('Send the traffic to a slot', [planned, switchTraffic(deps, planned)], {
    description:
      'Refused if the slot is not healthy, does not run its release, or if that release has failed and not succeeded since.\n' +
      'The traffic is switched back if the switch cannot be verified.',
    examples: ['promote green', 'promote --slot green --dry-run'],
  })
}
