import type { Fault } from '../../runner/fault.ts'
import type { AnyTask } from '../../runner/task.ts'
import { describeCanary } from '../../slots/canary/canary.ts'
import { canaryFaults } from '../../slots/canary/canary-faults.ts'
import type { Canary } from '../../slots/contracts.ts'
import { slotFaults } from '../../slots/faults.ts'
import { onFirst, servingOf, splitFault } from '../../slots/fleet/agreement.ts'
import { alike, describeServing } from '../../slots/fleet/serving.ts'
import { recordIn, resolveLive } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { planSwitch } from './plan-switch.ts'
import { takeShareBack } from './take-share-back.ts'

/**
 * Plans the switch that ends a state in which the hosts serve different slots or releases, or in which a rolling switch has left a share of the traffic at
 * a balancer. Takes that share back if all traffic is to go to the slot that is live.
 */
export const bringTogether = <S extends string, T extends AnyTask>({ task, slot }: TaskDeps<S>, repaired: T) =>
  task('Compare what the hosts serve', {
    needs: [repaired],
    args: { force: slot.optional() },
    async run({ force, confirm, dryRun, note, show, ...context }) {
      const { fleet, slots } = context
      const state = resolveLive(await context.readings(), slots)
      const promoted = recordIn(state, state.live)?.promoted
      // A host that was added has nothing until the next deploy.
      const empty = state.live === undefined && !state.records.some(record => record !== undefined)
      const gathered = await fleet.gather({ ...servingOf(state), at: promoted?.at ?? '', share: state.canary, empty })
      const all = gathered.filter(({ value }) => !value.empty)
      const serving = all.map(({ value }) => value)
      const share = serving.find(value => value.share)?.share
      const whole = alike(serving)
      if (whole && !share?.switching && (!force || empty || (force.name === state.live?.name && !share))) {
        note('all hosts serve the same')
        // It is as somebody wants it.
        if (share) show(describeCanary(share))
        return { trafficSwitch: undefined }
      }
      const left = whole && share?.switching ? leftFault(share, state.live?.name) : undefined
      const message =
        left?.message ?? (whole ? `All hosts serve ${describeServing(servingOf(state))}.` : splitFault(all).message)
      show(message)
      const last = left ? state.live : slots.get(serving.toSorted((a, b) => b.at.localeCompare(a.at))[0]?.slot as S)
      const asked = async () => last && (await confirm(`${message} Send all traffic to ${last.name}?`))
      const agreed = force ?? (dryRun || (await onFirst(fleet, asked)) ? last : undefined)
      if (!agreed) throw left ?? slotFaults.REPAIR_NOT_CONFIRMED({ live: last?.name, named: undefined })
      const moving = all.flatMap(({ host, value }) => (value.slot === agreed.name ? [] : host))
      note(moving.length === 0 ? `all serve ${agreed.name}` : `${agreed.name}, to which ${moving.join(', ')} will move`)
      if (empty) return { trafficSwitch: undefined }
      if (agreed.name === state.live?.name) await takeShareBack({ ...context, dryRun, show }, state)
      return { trafficSwitch: dryRun ? undefined : await planSwitch(context, state, agreed) }
    },
  })

/** The error about a share that a rolling switch has left. */
const leftFault = ({ slot, percent, by, since }: Canary, live = 'no slot'): Fault =>
  canaryFaults.SHARE_LEFT({ slot, live, percent, by, since })
