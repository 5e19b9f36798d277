/**
 * What a host remembers of a slot, in `slot.json` beside the slot's `current` link. It stands on the host and not on a
 * laptop: a second deployer, or CI, sees the same.
 */
import { fileQuery } from '../../host/exec/transfer.ts'
import { type AnyQuery, capture, each, type Query } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { Release, Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'

export interface SlotRecord {
  readonly slot: string
  readonly release: Release
  /** Source revision of the release, when known. */
  readonly revision: string | null
  /** The deploy that put it there. */
  readonly deploy: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** `starting` until it was seen healthy: a deploy that was cut leaves it so. `stopped` when the deploy was taken back. */
  readonly state: 'starting' | 'ready' | 'stopped'
  /** When the traffic was last moved to it; the newest of all slots is the live one by the records. */
  readonly promoted: { readonly generation: string; readonly at: string; readonly by: string } | null
  /** A process that was there before us, and is not under the runtime's supervision. */
  readonly adopted: { readonly pid: number; readonly startTime: string } | null
}

/** The record of a slot; `undefined` when nothing was ever put there. A record that cannot be read is a `Fault`. */
export function readRecord(layout: Layout, slot: Slot): Query<SlotRecord | undefined> {
  const path = layout.slot(slot.name).record
  return capture(sh.read`if [ -e ${path} ]; then cat ${path}; fi`, text => {
    if (text === '') return undefined
    try {
      return JSON.parse(text) as SlotRecord
    } catch (cause) {
      throw slotFaults.RECORD_UNREADABLE({ path }, cause)
    }
  })
}

/** Of all slots, in their order. */
export const recordsOf = (
  layout: Layout,
  { all }: Pick<Slots<string>, 'all'>,
): AnyQuery<readonly (SlotRecord | undefined)[]> => each(all.map(slot => readRecord(layout, slot)))

export const writeRecord = (layout: Layout, record: SlotRecord): Query<void> =>
  fileQuery(layout.slot(record.slot).record, `${JSON.stringify(record, null, 2)}\n`)

/**
 * A time for the slot that gets the traffic now: ours, or just after the newest in the records. People's clocks differ, and
 * whose clock is behind must not write down a move that came before the last one.
 */
export function promotedAt(records: readonly (SlotRecord | undefined)[], now = new Date()): string {
  const newest = Math.max(0, ...records.map(record => Date.parse(record?.promoted?.at ?? '') || 0))
  return new Date(Math.max(now.getTime(), newest + 1)).toISOString()
}

/** The slot that got the traffic last, by the records alone. */
export function liveByRecords(records: readonly (SlotRecord | undefined)[]): string | undefined {
  const promoted = records.flatMap(record => (record?.promoted ? [{ slot: record.slot, at: record.promoted.at }] : []))
  return promoted.sort((a, b) => b.at.localeCompare(a.at))[0]?.slot
}
