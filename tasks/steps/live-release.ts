import type { Slot } from '../../slots/contracts.ts'
import { slotFaults } from '../../slots/faults.ts'
import { type LiveState, recordIn } from '../../slots/state/readings.ts'
import { releaseOnHost } from '../../slots/upload/source.ts'
import type { Supplied } from './find-release.ts'

/**
 * The release that is live, to be started in the idle slot as well.
 *
 * @throws RESTART_NOTHING
 */
export function liveRelease<S extends string>(
  host: string,
  state: LiveState<S>,
): Supplied & { readonly live: Slot<S> } {
  const { live } = state
  const record = recordIn(state, live)
  if (!live || !record) throw slotFaults.RESTART_NOTHING({ why: 'no slot is live' })
  if (record.adopted)
    throw slotFaults.RESTART_NOTHING({ why: `${live.name} runs a process that was adopted, and no release` })
  const { release, revision } = record
  return { live, release, releaseSource: releaseOnHost(host, release, revision) }
}
