import type { AnyTask } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { onFirst, servingOf, splitFault } from '../../slots/fleet/agreement.ts'
import { alike } from '../../slots/fleet/serving.ts'
import { recordIn, resolveLive } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { planSwitch } from './plan-switch.ts'

/** Plans the switch that ends a state in which the hosts serve different slots or releases. */
export const bringTogether = <S extends string, T extends AnyTask>({ task, slot }: TaskDeps<S>, repaired: T) =>
  task('Compare what the hosts serve', {
    needs: [repaired],
    args: { force: slot.optional() },
    async run({ force, confirm, dryRun, note, show, ...context }) {
      const { fleet, slots } = context
      const state = resolveLive(await context.readings(), slots)
      const promoted = recordIn(state, state.live)?.promoted
      const all = await fleet.gather({ ...servingOf(state), at: promoted?.at ?? '' })
      const serving = all.map(({ value }) => value)
      if (alike(serving) && (!force || force.name === state.live?.name)) {
        note('all hosts serve the same')
        return { trafficSwitch: undefined }
      }
      const split = splitFault(all)
      show(split.message)
      const last = slots.get(serving.toSorted((a, b) => b.at.localeCompare(a.at))[0]?.slot as S | undefined)
      const asked = async () => last && (await confirm(`${split.message} Send all of them to ${last.name}?`))
      const agreed = force ?? (dryRun || (await onFirst(fleet, asked)) ? last : undefined)
      if (!agreed) throw slotFaults.REPAIR_NOT_CONFIRMED({ live: last?.name, named: undefined })
      const moving = all.flatMap(({ host, value }) => (value.slot === agreed.name ? [] : host))
      note(moving.length === 0 ? `all serve ${agreed.name}` : `${agreed.name}, to which ${moving.join(', ')} will move`)
      return { trafficSwitch: dryRun ? undefined : await planSwitch(context, state, agreed) }
    },
  })
