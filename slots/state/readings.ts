/**
 * Which slot is live. Three readings must agree: the router's own state, the public answer of `/deployment_id`, and the
 * records on the host. "Unknown" is never read as "blue".
 */

import { type AnyQuery, group } from '../../host/query.ts'
import type { PublicAnswer, Route, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { assertSetUp } from '../setup/owner.ts'
import type { Slots } from '../slot.ts'
import { liveByRecords, recordsOf, type SlotRecord } from './slot-record.ts'

/** What was read, before it is judged. */
export interface Readings {
  readonly router: Route
  readonly answer: PublicAnswer
  readonly records: readonly (SlotRecord | undefined)[]
}

export interface LiveState<S extends string> extends Readings {
  /** `undefined` when all three say that none is: the first deploy. */
  readonly live: Slot<S> | undefined
  readonly idle: Slot<S>
}

/** All three. Throws `NOT_SET_UP` where there is nothing to ask. */
export const readings = ({ layout, slots, router }: Pick<Deps, 'layout' | 'slots' | 'router'>): AnyQuery<Readings> =>
  group(
    // Where nothing is set up, that is what is wrong, whatever else could not be read.
    [assertSetUp(layout), router.live(), router.answer(), recordsOf(layout, slots)],
    (_, route, answer, records) => ({ router: route, answer, records }),
  )

/** The three readings in words, for people. */
export const readingLines = ({ router, answer, records }: Readings): readonly [string, string][] => [
  ['router', router.slot ?? 'no slot'],
  ['public answer', answer.problem ?? answer.slot ?? 'no slot'],
  ['records', liveByRecords(records) ?? 'no slot'],
]

/** Whether the three readings name the same slot, or all three none. */
export const agree = (read: Readings): boolean =>
  read.answer.problem === undefined &&
  read.router.slot === read.answer.slot &&
  read.router.slot === liveByRecords(read.records) &&
  (read.router.generation ?? read.answer.generation) === (read.answer.generation ?? read.router.generation)

/** Judges the readings. Throws `LIVE_UNKNOWN` with all three when they do not agree. */
export function resolveLive<S extends string>(read: Readings, slots: Slots<S>): LiveState<S> {
  const name = read.router.slot
  if (!agree(read) || (name !== undefined && !slots.names.includes(name as S)))
    throw slotFaults.LIVE_UNKNOWN({ readings: readingLines(read) })
  const live = name === undefined ? undefined : slots.get(name)
  return { ...read, live, idle: slots.other(live) }
}
