/**
 * Moves what runs only in the live slot, such as a scheduler, together with the traffic. It is stopped in the one slot before it is started in the other,
 * so it never runs in both. Runtimes without it have none of these queries.
 */
import type { Query } from '../../host/query.ts'
import type { Runtime, Slot } from '../contracts.ts'
import type { SlotRecord } from '../state/slot-record.ts'

export interface Moves {
  readonly from: Slot | undefined
  readonly to: Slot
  /** The records of all slots before the switch. */
  readonly records: readonly (SlotRecord | undefined)[]
}

/** An adopted process was not started by the runtime, which has nothing to stop or to start beside it. */
export const previous = ({ from, records }: Moves) =>
  records.some(record => record?.slot === from?.name && record?.adopted) ? undefined : from

const demotedOf = (runtime: Runtime, moves: Moves): readonly Query<void>[] => {
  const from = previous(moves)
  return from && runtime.demoted ? [runtime.demoted(from, moves.to)] : []
}

/** To run before the traffic moves. */
export const movesBefore = (runtime: Runtime, moves: Moves): readonly Query<void>[] =>
  runtime.demotes === 'before' ? demotedOf(runtime, moves) : []

/** To run once the traffic verifiably moved. */
export const movesAfter = (runtime: Runtime, moves: Moves): readonly Query<void>[] => [
  ...(runtime.demotes === 'before' ? [] : demotedOf(runtime, moves)),
  ...(runtime.promoted ? [runtime.promoted(moves.to)] : []),
]

/** To undo both. */
export function movesBack(runtime: Runtime, moves: Moves): readonly Query<void>[] {
  const from = previous(moves)
  return [
    ...(runtime.demoted ? [runtime.demoted(moves.to, from)] : []),
    ...(from && runtime.promoted ? [runtime.promoted(from)] : []),
  ]
}
