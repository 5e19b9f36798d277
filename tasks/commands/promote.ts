import { kebab } from '../../runner/cli/commands-of.ts'
import type { Values } from '../../runner/task.ts'
import { planShare } from '../../slots/canary/canary.ts'
import { canaryFaults } from '../../slots/canary/canary-faults.ts'
import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { explainDown } from '../../slots/journal/story.ts'
import { recordIn } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { announcing } from '../notification.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { withPromoteHooks } from '../steps/hook.ts'
import { planSwitch } from '../steps/plan-switch.ts'
import { sendShare, shareArguments } from '../steps/send-share.ts'
import { force, switchArguments, switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'
import { takeShareBack } from '../steps/take-share-back.ts'

export const promote = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const share = shareArguments(deps)
  const all = (values: object) => !('percent' in values) || values.percent === undefined
  const planned = announcing(
    'promote',
    deps.task('Check that the slot is fit for traffic', {
      needs: [takeLock, detectLive],
      args: {
        slot: deps.slot,
        force,
        percent: share.percent,
        sticky: share.sticky,
      },
      async run({ slot, force, percent, sticky, liveState, note, show, ...context }) {
        context.tell({ slot: slot.name })
        const { host, layout } = context
        const { live, idle, canary } = liveState
        if (percent !== undefined) {
          if (!live) throw canaryFaults.CANARY_WITHOUT_LIVE({ slot: slot.name })
          if (live.name === slot.name) throw canaryFaults.CANARY_IS_LIVE({ slot: slot.name, other: idle.name })
        }
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
        if (!trafficSwitch && canary) await takeShareBack({ ...context, show }, liveState)
        else if (!trafficSwitch) show(`${slot.name} is already live; nothing was touched.`)
        if (!trafficSwitch || percent === undefined) return { trafficSwitch, share: undefined }
        // It is no promote: hooks and notifications are not told about it.
        context.tell({ moves: false })
        const paths = context.probe?.paths ?? [context.health.path]
        return {
          trafficSwitch: undefined,
          share: planShare(context, canary, trafficSwitch, { percent, sticky, paths }),
        }
      },
    }),
  )
  const switching = { ...switchTraffic(deps, planned), when: all }
  const steps = [
    strayFlags(deps, share),
    planned,
    sendShare(deps, planned, share),
    ...withPromoteHooks(deps, switching),
  ] as const
  return deps.flow('Send the traffic to a slot', steps, {
    description:
      'Refused if the slot is not healthy, does not run its release, or if that release has failed and not succeeded since.\n' +
      'The traffic is switched back if the switch cannot be verified.\n' +
      'With --percent only a share of the traffic goes there, until a later promote: of that slot for all of it, of the live one for none.',
    examples: ['promote green', 'promote --slot green --dry-run', 'promote green --percent 5 --sticky --for 10m'],
  })
}

/** Refuses flags that would be ignored, before anything is contacted. */
const strayFlags = <S extends string>(
  { task }: TaskDeps<S>,
  { percent, ...share }: ReturnType<typeof shareArguments>,
) => {
  const args = { percent, ...share, ...switchArguments }
  const stray = (values: Partial<Values<typeof args>>): string | undefined => {
    const others = Object.keys(values.percent === undefined ? share : switchArguments) as (keyof typeof args)[]
    return others.find(name => values[name] !== undefined && values[name] !== false)
  }
  return task('Check the flags', {
    args,
    when: values => stray(values) !== undefined,
    run(values) {
      const flag = kebab(stray(values) ?? '')
      throw canaryFaults.CANARY_FLAGS({ flag: `--${flag}`, percent: values.percent !== undefined })
    },
  })
}
