/**
 * Determines which slot is live. Three readings must agree: the router's own state, the public response of `/deployment_id`, and the records on the host.
 * If one of them is unknown, the live slot is never guessed.
 */

import { type AnyQuery, group } from '../../host/query.ts'
import type { Canary, PublicAnswer, Route, Slot, SlotProcess } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { type LeftOut, readLeftOut } from '../fleet/left-out.ts'
import { assertSetUp } from '../setup/owner.ts'
import type { Slots } from '../slot.ts'
import { liveByRecords, recordsOf, type SlotRecord } from './slot-record.ts'

/** The three readings, which may disagree. */
export interface Readings {
  readonly router: Route
  readonly answer: PublicAnswer
  readonly records: readonly (SlotRecord | undefined)[]
  /** The share of the slot that is not live; undefined if that gets none. */
  readonly canary?: Canary | undefined
  /** The hosts that a run has left out, as this one remembers them; undefined if that was not read. */
  readonly leftOut?: readonly LeftOut[] | undefined
}

export interface LiveState<S extends string> extends Readings {
  /** `undefined` if all three readings say that no slot is live, as before the first deploy. */
  readonly live: Slot<S> | undefined
  readonly idle: Slot<S>
}

/** Takes all three readings. `hosts`: the names of all hosts of a fleet; what it remembers of them is read too. Throws `NOT_SET_UP` if the host is not set up. */
export const readings = (
  { layout, slots, router }: Pick<Deps, 'layout' | 'slots' | 'router'>,
  { hosts }: { readonly hosts?: readonly string[] | undefined } = {},
): AnyQuery<Readings> =>
  group(
    // First, so that on a host without a setup this error comes before those of the other readings.
    [
      assertSetUp(layout),
      router.live(),
      router.answer(),
      recordsOf(layout, slots),
      router.canary?.(),
      hosts && readLeftOut(layout, hosts),
    ],
    (_, route, answer, records, canary, leftOut) => ({
      router: route,
      answer,
      records,
      canary,
      ...(leftOut && { leftOut }),
    }),
  )

/** The three readings as pairs of source and text, for messages. */
export const readingLines = ({ router, answer, records }: Readings): readonly [string, string][] => [
  ['router', router.slot ?? 'no slot'],
  ['public answer', answer.problem ?? answer.slot ?? 'no slot'],
  ['records', liveByRecords(records) ?? 'no slot'],
]

/** Whether the three readings name the same slot, or all name none. */
export const agree = (read: Readings): boolean =>
  read.answer.problem === undefined &&
  read.router.slot === read.answer.slot &&
  read.router.slot === liveByRecords(read.records) &&
  (read.router.generation ?? read.answer.generation) === (read.answer.generation ?? read.router.generation)

/** Determines live and idle slot. Throws `LIVE_UNKNOWN` with all three readings if they do not agree. */
export function resolveLive<S extends string>(read: Readings, slots: Slots<S>): LiveState<S> {
  const name = read.router.slot
  if (!agree(read) || (name !== undefined && !slots.names.includes(name as S)))
    throw slotFaults.LIVE_UNKNOWN({ readings: readingLines(read) })
  const live = name === undefined ? undefined : slots.get(name)
  return { ...read, live, idle: slots.other(live) }
}

/** The record of a slot, as it was read. */
export const recordIn = ({ records }: Pick<Readings, 'records'>, slot: Slot | undefined): SlotRecord | undefined =>
  records.find(record => record?.slot === slot?.name)

/**
 * The slot that runs a release and could have the traffic: the live one; or the idle one, if the release was healthy there and its process still runs.
 *
 * @param process the process of the idle slot
 */
export function slotRunning<S extends string>(
  state: LiveState<S>,
  process: Pick<SlotProcess, 'state'>,
  release: string,
): Slot<S> | undefined {
  if (state.live && recordIn(state, state.live)?.release.name === release) return state.live
  const idle = recordIn(state, state.idle)
  return idle?.release.name === release && idle.state === 'ready' && process.state === 'running'
    ? state.idle
    : undefined
}
