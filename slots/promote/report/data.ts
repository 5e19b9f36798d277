/** The data of a promote's report. */

import { messageOf } from '../../../runner/fault.ts'
import type { Deploy } from '../../model.ts'
import type { Measured } from '../measured.ts'
import type { Probe } from '../probe.ts'
import type { ProbedSwitch, SwitchStep } from '../probed-switch.ts'
import type { TrafficSwitch } from '../switch.ts'

/** All times except `at` are in milliseconds since the switch was ordered. */
export interface PromoteReport {
  readonly app: string
  readonly host: string
  /** Missing for a Taskfile without destinations. */
  readonly destination?: string
  readonly by: string
  /** ISO 8601, UTC: when the report was created. */
  readonly at: string
  readonly generation: string
  readonly from: { readonly slot: string; readonly version: string | null } | null
  readonly to: { readonly slot: string; readonly version: string; readonly release: string }
  /** The error message; null if the promote succeeded. */
  readonly problem: string | null
  /** Why the traffic stays in spite of failures: the previous slot serves worse. Null if there was no failure, or if it goes back. */
  readonly stays: string | null
  readonly steps: readonly SwitchStep[]
  /** When the router's switch command returned. */
  readonly returnedAt: number | null
  readonly measured: Measured | null
  readonly probes: readonly Probe[]
}

interface Run {
  readonly app: string
  readonly host: { readonly name: string }
  readonly deploy: Deploy
}

export const reportOf = (
  { app, host, deploy }: Run,
  { from, to, record, generation, versionBefore }: TrafficSwitch<string>,
  { problem, steps, probed, measured }: Omit<ProbedSwitch, 'verified'>,
  stays?: string | undefined,
  at = new Date(),
): PromoteReport => ({
  app,
  host: host.name,
  ...(deploy.destination !== undefined && { destination: deploy.destination }),
  by: deploy.by,
  at: at.toISOString(),
  generation,
  from: from ? { slot: from.name, version: versionBefore ?? null } : null,
  to: { slot: to.name, version: record.release.version, release: record.release.name },
  problem: problem === undefined ? null : messageOf(problem),
  stays: stays ?? null,
  steps,
  returnedAt: probed?.returnedAt ?? null,
  measured: measured ?? null,
  probes: probed?.probes ?? [],
})
