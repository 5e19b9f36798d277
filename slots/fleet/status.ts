/** The status of several hosts, as one table. */
import type { Fault } from '../../runner/fault.ts'
import { table, wrapped } from '../../runner/output/table.ts'
import type { Gathered } from '../../runner/task.ts'
import { type Status, slotCells, statusRemarks } from '../status/status.ts'
import { splitFault } from './agreement.ts'
import { assertAsked, problemOf } from './asked.ts'
import { differing } from './differing.ts'
import { behind, type LeftOut, leftOutRemarks } from './left-out.ts'
import { alike, describeServing, type Serving } from './serving.ts'

/** The status of one host, or why there is none. */
export type HostStatus =
  | {
      readonly status: Status
      readonly serving: Serving | undefined
      /** As the host remembers it. */
      readonly leftOut?: readonly LeftOut[]
      readonly problem?: undefined
    }
  | {
      readonly status?: undefined
      readonly serving?: undefined
      readonly leftOut?: undefined
      readonly problem: Fault
    }

/** What `--json` prints for several hosts. */
export interface FleetStatus {
  /** Whether all hosts were asked, each is certain which slot is live there, and all serve the same release. */
  readonly agreed: boolean
  /** The slot that is live on all hosts; null if they differ, or if none is. */
  readonly live: string | null
  /** The hosts that a run has left out with `--without`, until they serve the same as the others; missing if there are none. */
  readonly leftOut?: readonly LeftOut[]
  readonly hosts: readonly (
    | Status
    | { readonly host: string; readonly problem: { readonly code: string; readonly message: string } }
  )[]
}

/** The status of a host that could not be asked. Rethrows as `problemOf`. */
export const withoutStatus = (error: unknown): HostStatus => ({ problem: problemOf(error) })

/** Whether all hosts are certain what they serve, and serve the same. */
const agree = (all: readonly Gathered<HostStatus>[]): boolean => {
  const known = all.flatMap(({ value: { serving } }) => serving ?? [])
  return known.length === all.length && alike(known)
}

/** The hosts that were left out, and have not caught up. */
const behindIn = (all: readonly Gathered<HostStatus>[]): readonly LeftOut[] =>
  behind(
    all.flatMap(({ value: { leftOut = [] } }) => leftOut),
    all.flatMap(({ host, value: { serving } }) => (serving ? [{ host, value: serving }] : [])),
  )

export const fleetStatus = (all: readonly Gathered<HostStatus>[]): FleetStatus => ({
  agreed: agree(all),
  live: agree(all) ? (all[0]?.value.serving?.slot ?? null) : null,
  ...(behindIn(all).length > 0 && { leftOut: behindIn(all) }),
  hosts: all.map(({ host, value: { status, problem } }) =>
    status ? status : { host, problem: { code: problem.code, message: problem.message } },
  ),
})

/**
 * Hosts that could not be asked, and hosts that do not serve the same; each host throws the same error.
 *
 * @throws FLEET_INCOMPLETE, FLEET_BEHIND, FLEET_SPLIT
 */
export function assertWhole(all: readonly Gathered<HostStatus>[]): void {
  assertAsked(all)
  const serving = all.flatMap(({ host, value: { serving } }) => (serving ? [{ host, value: serving }] : []))
  if (!alike(serving.map(({ value }) => value))) throw splitFault(serving, behindIn(all))
}

const HEAD = ['slot', 'live', 'release', 'state', 'uptime', 'health', 'connections']

/** The columns whose values are the same on all hosts, if all is well. */
const COMPARED: readonly string[] = ['live', 'release', 'state', 'health', 'generation']

/** The generations of the live slots. A host that was added, or has caught up, has one of its own. */
const generations = (all: readonly Gathered<HostStatus>[]): ReadonlySet<string> =>
  new Set(all.flatMap(({ value: { status } }) => (status?.live ? (status.generation ?? '-') : [])))

/**
 * One row for each slot of each host. The generation has a column only if the hosts differ in it, because its id is wide.
 *
 * @param bold marks what differs from most of the hosts
 */
export function fleetTable(
  all: readonly Gathered<HostStatus>[],
  columns?: number,
  bold: (text: string) => string = text => text,
): string {
  const roles = all.some(({ value }) => value.status?.role !== undefined)
  const differ = generations(all).size > 1
  const rows = all.flatMap(({ host, value: { status } }) => {
    const whose = [host, ...(roles ? [status?.role ?? '-'] : [])]
    const generation = (live: boolean) => (differ ? [live ? (status?.generation ?? '-') : ''] : [])
    return status
      ? status.slots.map(slot => [...whose, ...slotCells(slot), ...generation(slot.live)])
      : [[...whose, '-', '', '-', 'unknown', '-', '-', '-', ...generation(false)]]
  })
  const head = ['host', ...(roles ? ['role'] : []), ...HEAD, ...(differ ? ['generation'] : [])]
  const differs = differing(
    rows,
    head.indexOf('slot'),
    COMPARED.map(name => head.indexOf(name)),
  )
  const remarks = all.flatMap(({ host, value: { status, problem } }) => {
    const lines = status ? statusRemarks(status) : [problem.message]
    return lines.flatMap(line => wrapped(`${host}: ${line}`, columns))
  })
  return [
    table(rows, { columns, head, style: (cell, row, column) => (differs(row, column) ? bold(cell) : cell) }),
    '',
    ...wrapped(summary(all), columns),
    ...leftOutRemarks(behindIn(all)).flatMap(line => wrapped(line, columns)),
    ...remarks,
  ].join('\n')
}

function summary(all: readonly Gathered<HostStatus>[]): string {
  const known = all.flatMap(({ value: { serving } }) => serving ?? [])
  const [first] = known
  if (known.length < all.length || !first) return `${known.length} of ${all.length} hosts are certain what they serve.`
  if (!alike(known)) return 'The hosts do not all serve the same release.'
  const [generation, another] = generations(all)
  const since =
    generation === undefined || generation === '-' || another !== undefined ? '' : ` (generation ${generation})`
  return `All ${all.length} hosts serve ${describeServing(first)}${since}.`
}
