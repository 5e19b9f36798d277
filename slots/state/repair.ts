/** Updates the records to match the router. The router and the site must agree: they show where the traffic really goes. */

import { posix } from 'node:path'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Route, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { describeReadings } from '../format.ts'
import type { Layout } from '../layout.ts'
import { hooksOf, reportHooks } from '../promote/hooks.ts'
import type { Slots } from '../slot.ts'
import { releaseRecordIn } from '../upload/release.ts'
import { agree, type Readings, readingLines } from './readings.ts'
import { promotedAt, type SlotRecord, writeRecord } from './slot-record.ts'

/** Describes how the records differ from the router; undefined if all agree. Throws `LIVE_UNKNOWN` if router and site disagree: records cannot fix that. */
export function drift(
  read: Readings,
  slots: Slots<string>,
): { readonly route: Route; readonly message: string } | undefined {
  if (agree(read)) return undefined
  const { router: route, answer } = read
  const known = route.slot === undefined || slots.names.includes(route.slot)
  const generations = (route.generation ?? answer.generation) === (answer.generation ?? route.generation)
  if (answer.problem !== undefined || answer.slot !== route.slot || !known || !generations)
    throw slotFaults.LIVE_UNKNOWN({ readings: readingLines(read) })
  return { route, message: describeReadings(readingLines(read)) }
}

/** Prints the folder that a slot's `current` link points to, and the record of that release. */
const currentRelease = (layout: Layout, slot: Slot): Script => {
  const { current } = layout.slot(slot.name)
  return sh.read`if [ -e ${current} ]; then readlink -f ${current}; cat ${`${current}/release.json`} 2>/dev/null || true; fi`
}

/**
 * Updates the records so that the route's slot is the live one, and moves what runs only in the live slot there. Throws `SLOT_EMPTY` if that slot has no
 * release.
 */
export async function repairRecords(
  deps: Pick<Deps, 'host' | 'layout' | 'slots' | 'runtime' | 'deploy' | 'log'>,
  { slot: name, generation }: Route,
  read: Readings,
): Promise<void> {
  const { host, layout, slots, deploy } = deps
  const at = promotedAt(read.records)
  for (const [i, slot] of slots.all.entries()) {
    const record = read.records[i]
    if (slot.name === name) {
      const promoted = { generation: generation ?? deploy.id, at, by: deploy.by }
      await host.query(writeRecord(layout, { ...(record ?? (await recordOf(deps, slot, at))), promoted }))
    } else if (record?.promoted && name === undefined)
      await host.query(writeRecord(layout, { ...record, promoted: null }))
  }
  await repairProcesses(deps, name)
}

/**
 * Makes what runs only in the live slot run in that slot, and in no other, and tells the application in each slot. Contacts the host only for a runtime
 * that has such processes, or hooks.
 */
export async function repairProcesses(
  deps: Pick<Deps, 'host' | 'layout' | 'slots' | 'runtime' | 'deploy' | 'log'>,
  name: string | undefined,
): Promise<void> {
  const { host, slots, runtime, log } = deps
  const live = slots.get(name)
  const others = slots.all.filter(slot => slot.name !== name)
  const moves = [
    ...others.flatMap(slot => runtime.demoted?.(slot, live) ?? []),
    ...(live && runtime.promoted ? [runtime.promoted(live)] : []),
  ]
  const told = hooksOf(runtime, others, live)
  if (moves.length + told.length === 0) return
  const batch = host.pipeline()
  batch.push(...moves)
  const hooks = told.map(query => batch.add(query))
  await batch.run()
  await reportHooks(
    deps,
    (await Promise.all(hooks)).filter(hook => hook !== undefined),
    log,
  )
}

async function recordOf(
  { host, layout, deploy }: Pick<Deps, 'host' | 'layout' | 'slots' | 'deploy'>,
  slot: Slot,
  at: string,
): Promise<SlotRecord> {
  const [dir = '', ...json] = (await host.capture(currentRelease(layout, slot))).split('\n')
  if (dir === '') throw slotFaults.SLOT_EMPTY({ slot: slot.name })
  const { version = 'unknown', sha256 = '', revision = null } = releaseRecordIn(json.join('\n'))
  const release: Release = { name: posix.basename(dir), version, sha256, dir }
  return {
    slot: slot.name,
    release,
    revision,
    deploy: deploy.id,
    by: deploy.by,
    at,
    state: 'ready',
    promoted: null,
    adopted: null,
  }
}
