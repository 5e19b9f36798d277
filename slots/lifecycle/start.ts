/** Starts a release in a slot that was made ready for it: its environment, its folder for temporary files, its link, its record. */

import { inThisOrder } from '../../host/exec/batch.ts'
import type { Host } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Runtime, Slot } from '../contracts.ts'
import { environmentChanges, environmentWords } from '../environment/changes.ts'
import { askHealth } from '../health/health.ts'
import { append, type Deploy } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import type { Health, HealthResult } from '../model.ts'
import { type SlotRecord, writeRecord } from '../state/slot-record.ts'
import { prune } from '../upload/release.ts'
import { assertPortFree } from './connections.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  readonly runtime: Runtime
  readonly health: Health
  readonly deploy: Deploy
  /** Then the slot was not stopped, and its port is not free. */
  readonly dryRun: boolean
}

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

/** What was begun in one turn with a start, and goes on when that has ended. */
export interface Early {
  readonly health: Promise<HealthResult>
  /** Whether record and journal say by now that the slot is ready; else somebody has to look closer first. */
  readonly written: Promise<boolean>
  /** What the removal of old releases printed; undefined when it did not come to that. */
  readonly pruned: Promise<string | undefined>
}

/** Resolves when the process is there. Throws `PORT_TAKEN` when a stranger holds the slot's port; then nothing was changed. */
export async function startSlot(
  ground: Ground,
  slot: Slot,
  { release, revision = null }: { readonly release: Release; readonly revision?: string | null | undefined },
  environment: string,
): Promise<Started> {
  const { host, layout, runtime, deploy, dryRun } = ground
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
  const changes = host.ask(sh.ordered(environmentChanges(env, '-')), { input: environment })
  const filled = [
    ...(dryRun ? [] : [assertPortFree(host, slot)]),
    changes,
    host.write(env, environment, 0o600),
    host.ask(pointAt(layout, slot, release)),
    writeRecord(host, layout, record),
  ]
  if (!runtime.prompt) await inThisOrder(filled)
  const started = runtime.start(release, slot)
  const early = runtime.prompt && !dryRun ? askEarly(ground, slot, record) : undefined
  await inThisOrder([...filled, started])
  return { record, changed: environmentWords(await changes), early }
}

function askEarly(ground: Ground, slot: Slot, record: SlotRecord): Early {
  const health = askHealth(ground, slot, record.release)
  const written = writeReady(ground, record).then(
    () => true,
    () => false,
  )
  const pruned = ground.host.ask(prune(ground.layout)).catch(() => undefined)
  // The start may fail first.
  health.catch(() => undefined)
  return { health, written, pruned }
}

/** Writes down that a slot was seen healthy. */
export const writeReady = ({ host, layout, deploy }: Pick<Ground, 'host' | 'layout' | 'deploy'>, record: SlotRecord) =>
  inThisOrder([
    ...(record.state === 'ready' ? [] : [writeRecord(host, layout, { ...record, state: 'ready' })]),
    append(host, layout, deploy, { ...checkOf(record, deploy), result: 'done' }),
  ])

/** Of a slot's health check, as the journal knows it: the end of a deploy, or a look at what is there. */
export const checkOf = ({ slot, release, revision, deploy }: SlotRecord, { id }: Deploy) =>
  ({
    event: deploy === id ? 'deploy' : 'check',
    slot,
    release: release.name,
    revision: revision ?? undefined,
  }) as const
