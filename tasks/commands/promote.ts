import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { explainDown } from '../../slots/journal/story.ts'
import { recordIn } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { announcing } from '../notification.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { withPromoteHooks } from '../steps/hook.ts'
import { planSwitch } from '../steps/plan-switch.ts'
import { force, switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const promote = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const planned = announcing(
    'promote',
    deps.task('Check that the slot is fit for traffic', {
      needs: [takeLock, detectLive],
      args: {
        slot: deps.slot,
        force,
      },
      async run({ slot, force, liveState, note, show, ...context }) {
        context.tell({ slot: slot.name })
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
    }),
  )
  return deps.flow('Send the traffic to a slot', [planned, ...withPromoteHooks(deps, switchTraffic(deps, planned))], {
    description:
      'Refused if the slot is not healthy, does not run its release, or if that release has failed and not succeeded since.\n' +
      'The traffic is switched back if the switch cannot be verified.',
    examples: ['promote green', 'promote --slot green --dry-run'],
  })
}
