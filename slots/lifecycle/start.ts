/** Starts a release in a slot: writes the environment file, the `current` link and the record, then starts the runtime. */

import { fileQuery } from '../../host/exec/transfer.ts'
import type { Pipeline } from '../../host/host.ts'
import { type AnyQuery, capture, group, perform } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { environmentChanges, environmentSummary } from '../environment/changes.ts'
import { healthQuery } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, HealthResult } from '../model.ts'
import { type SlotRecord, writeRecord } from '../state/slot-record.ts'
import { KEPT, prune } from '../upload/release.ts'
import { assertPortFree } from './connections.ts'

/** Points a slot's `current` link at a release, atomically. */
export const pointAt = (layout: Layout, slot: Slot, release: Release): Script => {
  const { current, tmp } = layout.slot(slot.name)
  return sh.write`mkdir -p ${tmp}\nln -sfn ${release.dir} ${`${current}.next`}\nmv -T ${`${current}.next`} ${current}`
}

interface Started {
  readonly record: SlotRecord
  /** A message about changed names of environment variables; '' if there are none. */
  readonly changed: string
  /** Undefined in a dry run. */
  readonly early: Early | undefined
}

/** Results of later steps, whose scripts are already queued behind the start in its pipeline. They may still be pending when the start has resolved. */
export interface Early {
  readonly health: Promise<HealthResult>
  /** Calls the listener with what the health check has seen last, and from then on with each thing that it sees. */
  tell(listener: (line: string) => void): void
  /** Whether the slot's other processes run; rejects if one does not, and with `COMMAND_SKIPPED` if the health check failed. */
  readonly complete: Promise<void>
  /** Whether record and journal were updated to say that the slot is ready; false if the slot is not fit. */
  readonly written: Promise<boolean>
  /** The output of removing old releases; undefined if an earlier script failed, or if this start removes none. */
  readonly pruned: Promise<string | undefined>
}

type StartDeps = Pick<Deps, 'host' | 'layout' | 'runtime' | 'health' | 'deploy' | 'dryRun'>

interface Start {
  readonly release: Release
  readonly revision?: string | null | undefined
  /** Whether old releases are removed once the slot is healthy. */
  readonly prunes: boolean
}

/** Resolves when the process exists. Throws `PORT_TAKEN`, before anything is changed, if another process listens on the slot's port. */
export async function startSlot(
  deps: StartDeps,
  slot: Slot,
  { release, revision = null, prunes }: Start,
  environment: string,
): Promise<Started> {
  const { host, layout, runtime, deploy, dryRun } = deps
  const { env } = layout.slot(slot.name)
  const record: SlotRecord = {
    slot: slot.name,
    release,
    revision,
    deploy: deploy.id,
    by: deploy.by,
    at: new Date().toISOString(),
    state: 'starting',
    promoted: null,
    adopted: null,
  }
  const batch = host.pipeline()
  if (!dryRun && runtime.server === undefined && runtime.serves !== false) batch.push(assertPortFree(slot))
  const changes = batch.add(capture(environmentChanges(env, '-'), environmentSummary, { input: environment }))
  batch.push(fileQuery(env, environment, 0o600))
  batch.push(perform(pointAt(layout, slot, release)))
  batch.push(writeRecord(layout, record))
  const started = batch.add(runtime.start(release, slot))
  const early = dryRun ? undefined : queueEarly(batch, deps, slot, record, prunes)
  const all = batch.run()
  // If an earlier script of the batch failed, throw that error: it is the cause.
  await started.catch(() => all)
  return { record, changed: await changes, early }
}

function queueEarly(batch: Pipeline, deps: StartDeps, slot: Slot, record: SlotRecord, prunes: boolean): Early {
  let seen: string | undefined
  let log = (line: string): void => {
    seen = line
  }
  const tell: Early['tell'] = listener => {
    if (seen !== undefined) listener(seen)
    log = listener
  }
  const health = batch.add(healthQuery(deps, slot, record.release, undefined, line => log(line)))
  const complete = deps.runtime.complete ? batch.add(deps.runtime.complete(slot)) : Promise.resolve()
  const written = batch.add(writeReady(deps, record)).then(
    () => true,
    () => false,
  )
  // What is not removed now is removed by the next deploy.
  const pruned = prunes
    ? batch.add(capture(prune(deps.layout, KEPT, deps.runtime))).catch(() => undefined)
    : Promise.resolve(undefined)
  return { health, tell, complete, written, pruned }
}

/** Records that a slot passed its health check. */
export const writeReady = ({ layout, deploy }: Pick<Deps, 'layout' | 'deploy'>, record: SlotRecord): AnyQuery<void> =>
  group(
    [
      record.state === 'ready' ? undefined : writeRecord(layout, { ...record, state: 'ready' }),
      append(layout, deploy, { ...checkEvent(record, deploy), result: 'done' }),
    ],
    () => undefined,
  )

/** The journal event of a slot's health check: `deploy` if it completes a deploy of this run, otherwise `check`. */
export const checkEvent = ({ slot, release, revision, deploy }: SlotRecord, { id }: Deploy) =>
  ({
    event: deploy === id ? 'deploy' : 'check',
    slot,
    release: release.name,
    revision: revision ?? undefined,
  }) as const
