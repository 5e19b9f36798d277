/** The status of several hosts, as one table. */
import { type Fault, isFault } from '../../runner/fault.ts'
import { table, wrapped } from '../../runner/output/table.ts'
import type { Gathered } from '../../runner/task.ts'
import { slotFaults } from '../faults.ts'
import { type Status, slotCells, statusRemarks } from '../status/status.ts'
import { alike, describeServing, type Serving, splitFault } from './agreement.ts'

/** The status of one host, or why there is none. */
export type HostStatus =
  | { readonly status: Status; readonly serving: Serving | undefined; readonly problem?: undefined }
  | { readonly status?: undefined; readonly serving?: undefined; readonly problem: Fault }

/** What `--json` prints for several hosts. */
export interface FleetStatus {
  /** Whether all hosts were asked, each is certain which slot is live there, and all serve the same release. */
  readonly agreed: boolean
  /** The slot that is live on all hosts; null if they differ, or if none is. */
  readonly live: string | null
  readonly hosts: readonly (
    | Status
    | { readonly host: string; readonly problem: { readonly code: string; readonly message: string } }
  )[]
}

/** The status of a host that could not be asked. Rethrows an interruption, and what is an error of this program. */
export function withoutStatus(error: unknown): HostStatus {
  if (!isFault(error) || error.exitCode === 130) throw error
  return { problem: error }
}

/** Whether all hosts are certain what they serve, and serve the same. */
const agree = (all: readonly Gathered<HostStatus>[]): boolean => {
  const known = all.flatMap(({ value: { serving } }) => serving ?? [])
  return known.length === all.length && alike(known)
}

export const fleetStatus = (all: readonly Gathered<HostStatus>[]): FleetStatus => ({
  agreed: agree(all),
  live: agree(all) ? (all[0]?.value.serving?.slot ?? null) : null,
  hosts: all.map(({ host, value: { status, problem } }) =>
    status ? status : { host, problem: { code: problem.code, message: problem.message } },
  ),
})

/**
 * Hosts that could not be asked, and hosts that do not serve the same; each host throws the same error.
 *
 * @throws FLEET_INCOMPLETE, FLEET_SPLIT
 */
export function assertWhole(all: readonly Gathered<HostStatus>[]): void {
  const absent = all.flatMap(({ host, value: { problem } }) => (problem ? [{ host, problem }] : []))
  if (absent.length > 0) throw slotFaults.FLEET_INCOMPLETE({ absent, of: all.length })
  const serving = all.flatMap(({ host, value: { serving } }) => (serving ? [{ host, value: serving }] : []))
  if (!alike(serving.map(({ value }) => value))) throw splitFault(serving)
}

const HEAD = ['slot', 'live', 'release', 'state', 'uptime', 'health', 'connections']

export function fleetTable(all: readonly Gathered<HostStatus>[], columns?: number): string {
  const roles = all.some(({ value }) => value.status?.role !== undefined)
  const rows = all.flatMap(({ host, value: { status } }) => {
    const whose = [host, ...(roles ? [status?.role ?? '-'] : [])]
    return status
      ? status.slots.map(slot => [...whose, ...slotCells(slot)])
      : [[...whose, '-', '', '-', 'unknown', '-', '-', '-']]
  })
  const remarks = all.flatMap(({ host, value: { status, problem } }) => {
    const lines = status ? statusRemarks(status) : [problem.message]
    return lines.flatMap(line => wrapped(`${host}: ${line}`, columns))
  })
  return [
    table(rows, { columns, head: roles ? ['host', 'role', ...HEAD] : ['host', ...HEAD] }),
    '',
    ...wrapped(summary(all), columns),
    ...remarks,
  ].join('\n')
}

function summary(all: readonly Gathered<HostStatus>[]): string {
  const known = all.flatMap(({ value: { serving } }) => serving ?? [])
  const [first] = known
  if (known.length < all.length || !first) return `${known.length} of ${all.length} hosts are certain what they serve.`
  return alike(known)
    ? `All ${all.length} hosts serve ${describeServing(first)}.`
    : 'The hosts do not all serve the same release.'
}
