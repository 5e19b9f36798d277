/** The slot of a command that runs something in the application. */

import type { Slot } from '../slots/contracts.ts'
import { slotFaults } from '../slots/faults.ts'
import { resolveLive } from '../slots/state/readings.ts'
import type { Context } from './context.ts'

/**
 * The named slot, else the live one.
 *
 * @throws LIVE_UNKNOWN if the router, the public answer and the records do not agree; NO_SLOT_LIVE
 */
export async function namedOrLive<S extends string>(
  { slots, readings }: Pick<Context<S>, 'slots' | 'readings'>,
  named: Slot<S> | undefined,
): Promise<Slot<S>> {
  if (named) return named
  const { live } = resolveLive(await readings(), slots)
  if (!live) throw slotFaults.NO_SLOT_LIVE({})
  return live
}
