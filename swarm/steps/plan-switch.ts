import type { StepContext } from '../context.ts'
import type { LiveState } from '../live.ts'
import { onceReached, readLive } from '../reading.ts'
import { planSwitch, type SwarmSwitch } from '../switch.ts'

/**
 * Plans the switch to a slot, once the routers reach it. `state` is what the run has read before, unless it has started the tasks of the slot since.
 *
 * @throws NODE_DOWN, ROUTER_SILENT, SLOT_NOT_READY, and as `readLive`
 */
export async function switchTo(
  context: StepContext,
  slot: string,
  state?: LiveState,
): Promise<SwarmSwitch | undefined> {
  const reached = await onceReached(context, state ?? (await readLive(context)), slot)
  return planSwitch(reached, slot, context.deploy.id)
}
