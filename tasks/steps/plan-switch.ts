import type { Slot } from '../../slots/contracts.ts'
import { assertSameRelease } from '../../slots/fleet/agreement.ts'
import { leftOutAfter } from '../../slots/fleet/left-out.ts'
import { planSwitch as plan, type TrafficSwitch } from '../../slots/promote/switch.ts'
import { type LiveState, recordIn } from '../../slots/state/readings.ts'
import type { SlotRecord } from '../../slots/state/slot-record.ts'
import type { Context } from '../context.ts'

/** Plans a switch, and tells hooks and notifications about it; `undefined` if the slot is already live. */
export async function planSwitch<S extends string>(
  context: Context<S>,
  state: LiveState<S>,
  to: Slot<S>,
  checked?: SlotRecord,
): Promise<TrafficSwitch<S> | undefined> {
  const { fleet, leaves: left, deploy } = context
  const found = await plan(context, state, to, checked)
  await assertSameRelease(fleet, to.name, (found?.record ?? recordIn(state, to))?.release)
  const known = (await fleet.gather(state.leftOut ?? [])).flatMap(({ value }) => value)
  const leftOut = leftOutAfter(known, { hosts: fleet.hosts, left, deploy })
  const { release, revision } = found?.record ?? {}
  context.tell({
    slot: to.name,
    moves: found !== undefined,
    ...(release && { release: release.name, version: release.version, revision: revision ?? undefined }),
  })
  return found && { ...found, ...(known.length + leftOut.length > 0 && { leftOut }) }
}
