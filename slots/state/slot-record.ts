/**
 * The record of a slot: `slot.json` beside the slot's `current` link. It is on the host and not on a laptop, so that all deployers and CI see the same
 * state.
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
  /** `starting` until the health check passes, so an interrupted deploy leaves it so. `stopped` after a deploy was undone. */
  readonly state: 'starting' | 'ready' | 'stopped'
  /** The slot's last promote. According to the records, the slot with the newest one is live. */
  readonly promoted: { readonly generation: string; readonly at: string; readonly by: string } | null
  /** A process that was running before the first setup and is not supervised by the runtime. */
  readonly adopted: { readonly pid: number; readonly startTime: string } | null
}

/** The record of a slot; `undefined` if nothing was ever deployed to it. Throws `RECORD_UNREADABLE`. */
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

/** The records of all slots, in the order of the slots. */
export const recordsOf = (
  layout: Layout,
  { all }: Pick<Slots<string>, 'all'>,
): AnyQuery<readonly (SlotRecord | undefined)[]> => each(all.map(slot => readRecord(layout, slot)))

export const writeRecord = (layout: Layout, record: SlotRecord): Query<void> =>
  fileQuery(layout.slot(record.slot).record, `${JSON.stringify(record, null, 2)}\n`)

/**
 * The time to record for a promote: now, but later than the newest one in the records. Clocks of deployers differ, and a slow clock must not make a new
 * promote look older than the last one.
 */
export function promotedAt(records: readonly (SlotRecord | undefined)[], now = new Date()): string {
  const newest = Math.max(0, ...records.map(record => Date.parse(record?.promoted?.at ?? '') || 0))
  return new Date(Math.max(now.getTime(), newest + 1)).toISOString()
}

/** The live slot according to the records alone: the one promoted last. */
export function liveByRecords(records: readonly (SlotRecord | undefined)[]): string | undefined {
  const promoted = records.flatMap(record => (record?.promoted ? [{ slot: record.slot, at: record.promoted.at }] : []))
  return promoted.sort((a, b) => b.at.localeCompare(a.at))[0]?.slot
}
