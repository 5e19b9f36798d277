/** Starts a release in a slot that was made ready for it: its environment, its folder for temporary files, its link, its record. */

import { fileQuery } from '../../host/exec/transfer.ts'
import type { Pipeline } from '../../host/host.ts'
import { type AnyQuery, capture, group, perform } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { environmentChanges, environmentWords } from '../environment/changes.ts'
import { askHealth } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, HealthResult } from '../model.ts'
import { type SlotRecord, writeRecord } from '../state/slot-record.ts'
import { prune } from '../upload/release.ts'
import { assertPortFree } from './connections.ts'

/** Points a slot at a release with one rename. */
export const pointAt = (layout: Layout, slot: Slot, release: Release): Script => {
  const { current, tmp } = layout.slot(slot.name)
  return sh.write`mkdir -p ${tmp}\nln -sfn ${release.dir} ${`${current}.next`}\nmv -T ${`${current}.next`} ${current}`
}

interface Started {
  readonly record: SlotRecord
  /** What there is to say about the names of the slot's environment; '' when nothing. */
  readonly changed: string
  /** Whether it is fit, when that was asked behind the start. */
  readonly early: Early | undefined
}

/** What stands in one pipeline with a start, and goes on when that has ended. */
export interface Early {
  readonly health: Promise<HealthResult>
  /** Whether record and journal say by now that the slot is ready; else somebody has to look closer first. */
  readonly written: Promise<boolean>
  /** What the removal of old releases printed; undefined when it did not come to that. */
  readonly pruned: Promise<string | undefined>
}

type StartDeps = Pick<Deps, 'host' | 'layout' | 'runtime' | 'health' | 'deploy' | 'dryRun'>

/** Resolves when the process is there. Throws `PORT_TAKEN` when a stranger holds the slot's port; then nothing was changed. */
export async function startSlot(
  deps: StartDeps,
  slot: Slot,
  { release, revision = null }: { readonly release: Release; readonly revision?: string | null | undefined },
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
  if (!dryRun) batch.push(assertPortFree(slot))
  const changes = batch.add(capture(environmentChanges(env, '-'), environmentWords, { input: environment }))
  batch.push(fileQuery(env, environment, 0o600))
  batch.push(perform(pointAt(layout, slot, release)))
  batch.push(writeRecord(layout, record))
  const started = batch.add(runtime.start(release, slot))
  const early = dryRun ? undefined : lookEarly(batch, deps, slot, record)
  const all = batch.run()
  // What stood before it may have failed: that is what is wrong then.
  await started.catch(() => all)
  return { record, changed: await changes, early }
}

function lookEarly(batch: Pipeline, deps: StartDeps, slot: Slot, record: SlotRecord): Early {
  const health = batch.add(askHealth(deps, slot, record.release))
  const written = batch.add(writeReady(deps, record)).then(
    () => true,
    () => false,
  )
  const pruned = batch.add(capture(prune(deps.layout))).catch(() => undefined)
  return { health, written, pruned }
}

/** Writes down that a slot was seen healthy. */
export const writeReady = ({ layout, deploy }: Pick<Deps, 'layout' | 'deploy'>, record: SlotRecord): AnyQuery<void> =>
  group(
    [
      record.state === 'ready' ? undefined : writeRecord(layout, { ...record, state: 'ready' }),
      append(layout, deploy, { ...checkOf(record, deploy), result: 'done' }),
    ],
    () => undefined,
  )

/** Of a slot's health check, as the journal knows it: the end of a deploy, or a look at what is there. */
export const checkOf = ({ slot, release, revision, deploy }: SlotRecord, { id }: Deploy) =>
  ({
    event: deploy === id ? 'deploy' : 'check',
    slot,
    release: release.name,
    revision: revision ?? undefined,
  }) as const
