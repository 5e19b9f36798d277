/** Whether the hosts of a fleet serve the same slot and release. A fleet of one host always does. */
import type { Fault } from '../../runner/fault.ts'
import type { Fleet, Gathered } from '../../runner/task.ts'
import type { Release } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { type LiveState, recordIn } from '../state/readings.ts'
import { behind, type LeftOut } from './left-out.ts'
import { alike, describeServing, type Serving } from './serving.ts'

export function servingOf(state: Pick<LiveState<string>, 'live' | 'records'>): Serving {
  const release = recordIn(state, state.live)?.release
  return { slot: state.live?.name, release: release && { name: release.name, sha256: release.sha256 } }
}

/**
 * The error about hosts that serve different releases.
 *
 * @param left those that were left out, and have not caught up
 */
export function splitFault(all: readonly Gathered<Serving>[], left: readonly LeftOut[] = []): Fault {
  const [first] = left
  const others = all.filter(({ host, value }) => value.slot !== undefined && !left.some(out => out.host === host))
  const serving = all.map(({ host, value }): [string, string] => [host, describeServing(value)])
  if (!first || others.length === 0 || !alike(others.map(({ value }) => value)))
    return slotFaults.FLEET_SPLIT({ serving })
  const served = all.filter(({ host }) => left.some(out => out.host === host))
  return slotFaults.FLEET_BEHIND({
    behind: served.map(({ host, value }) => [host, describeServing(value)]),
    others: describeServing(others[0]?.value ?? { slot: undefined, release: undefined }),
    ...first,
  })
}

/**
 * Compares what each host serves, and resolves to the slot that is live on all hosts that serve something: one that was added serves nothing yet.
 *
 * @throws FLEET_SPLIT, FLEET_BEHIND
 */
export async function liveEverywhere(
  fleet: Fleet,
  state: Pick<LiveState<string>, 'live' | 'records' | 'leftOut'>,
): Promise<string | undefined> {
  const all = await fleet.gather({ ...servingOf(state), leftOut: state.leftOut ?? [] })
  const serving = all.map(({ value }) => value).filter(({ slot }) => slot !== undefined)
  if (!alike(serving))
    throw splitFault(
      all,
      behind(
        all.flatMap(({ value }) => value.leftOut),
        all,
      ),
    )
  return serving[0]?.slot
}

/**
 * A switch moves all hosts to the same content.
 *
 * @param release what the slot has on this host
 * @throws FLEET_RELEASES_DIFFER
 */
export async function assertSameRelease(fleet: Fleet, slot: string, release: Release | undefined): Promise<void> {
  const all = await fleet.gather(release)
  if (new Set(all.map(({ value }) => value?.sha256)).size <= 1) return
  throw slotFaults.FLEET_RELEASES_DIFFER({
    slot,
    releases: all.map(({ host, value }) => [host, value?.name ?? 'nothing']),
  })
}

/** Runs `work` once for all hosts, on the first; each gets its result. */
export async function onFirst<T>(fleet: Fleet, work: () => Promise<T>): Promise<T> {
  const [first] = await fleet.gather(fleet.first ? await work() : undefined)
  return first?.value as T
}
