/** Whether the hosts of a fleet serve the same slot and release. A fleet of one host always does. */
import type { Fault } from '../../runner/fault.ts'
import type { Fleet, Gathered } from '../../runner/task.ts'
import type { Release } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { type LiveState, recordIn } from '../state/readings.ts'

/** What one host serves. */
export interface Serving {
  /** `undefined` if no slot is live. */
  readonly slot: string | undefined
  /** The release in that slot. */
  readonly release: Pick<Release, 'name' | 'sha256'> | undefined
}

export function servingOf(state: Pick<LiveState<string>, 'live' | 'records'>): Serving {
  const release = recordIn(state, state.live)?.release
  return { slot: state.live?.name, release: release && { name: release.name, sha256: release.sha256 } }
}

/** Compared by content: two builds of one version may differ. */
const keyOf = ({ slot, release }: Serving): string => `${slot} ${release?.sha256}`

export const alike = (all: readonly Serving[]): boolean => new Set(all.map(keyOf)).size <= 1

/** For messages: `blue, 0.1.0-9f3a4c2`. */
export const describeServing = ({ slot, release }: Serving): string =>
  slot === undefined ? 'no slot' : `${slot}, ${release?.name ?? 'an unknown release'}`

/** The error about hosts that serve different releases. */
export const splitFault = (all: readonly Gathered<Serving>[]): Fault =>
  slotFaults.FLEET_SPLIT({ serving: all.map(({ host, value }) => [host, describeServing(value)]) })

/**
 * Compares what each host serves, and resolves to the slot that is live on all hosts that serve something: one that was added serves nothing yet.
 *
 * @throws FLEET_SPLIT
 */
export async function liveEverywhere(
  fleet: Fleet,
  state: Pick<LiveState<string>, 'live' | 'records'>,
): Promise<string | undefined> {
  const all = await fleet.gather(servingOf(state))
  const serving = all.map(({ value }) => value).filter(({ slot }) => slot !== undefined)
  if (!alike(serving)) throw splitFault(all)
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
