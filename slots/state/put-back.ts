/** Sends the traffic to a slot again after the router has lost its route: it was removed, names an unknown slot, or leads nowhere. */

import { caught } from '../../host/query.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { describeReadings } from '../format.ts'
import { append } from '../journal/journal.ts'
import { type Readings, readingLines } from './readings.ts'
import { repairRecords } from './repair.ts'
import { liveByRecords, recordsOf } from './slot-record.ts'

const LIMITS = { answers: 5, within: 10_000 }

export interface Lost {
  /** Describes the problem. */
  readonly message: string
  readonly records: Readings['records']
  /** The live slot according to the records. */
  readonly last: string | undefined
}

/** Detects a lost route; `undefined` if the router has one, or if router and records agree that there is none. */
export async function lostRoute(
  { host, layout, slots, router }: Pick<Deps, 'host' | 'layout' | 'slots' | 'router'>,
  read: () => Promise<Readings>,
): Promise<Lost | undefined> {
  try {
    const found = await read()
    const { router: route, answer, records } = found
    const last = liveByRecords(records)
    const noSlot = answer.problem === undefined && answer.slot === undefined
    if (!noSlot || (route.slot === undefined && last === undefined)) return undefined
    return { message: describeReadings(readingLines(found)), records, last }
  } catch (error) {
    const { fault } = await host.query(caught(router.live()))
    if (!fault) throw error
    const records = await host.query(recordsOf(layout, slots))
    return { message: fault.message.replace(/\.$/, ''), records, last: liveByRecords(records) }
  }
}

type PutBackDeps = Pick<
  Deps,
  'layout' | 'slots' | 'router' | 'runtime' | 'host' | 'health' | 'deploy' | 'dryRun' | 'log'
>

/**
 * Switches the route to `slot`, verifies it, and updates the records. The health of the application does not matter: the site is down anyway. Resolves to
 * a summary of the site's responses. Throws `SLOT_EMPTY`, `RESTORE_UNVERIFIED` and the errors of the router's check.
 */
export async function putBack(deps: PutBackDeps, { message, records }: Lost, slot: Slot): Promise<string> {
  const { host, layout, router, deploy, health } = deps
  if (!records.some(record => record?.slot === slot.name)) throw slotFaults.SLOT_EMPTY({ slot: slot.name })
  const route = { slot: slot.name, generation: deploy.id }
  const batch = host.pipeline()
  batch.push(router.check())
  batch.push(router.promote(slot, deploy.id))
  const verifying = deps.dryRun ? undefined : batch.add(router.verify(route, { ...LIMITS, path: health.path }))
  await batch.run()
  const verification = await verifying
  if (!verification) return 'not verified in a dry run'
  if (!verification.verified)
    throw slotFaults.RESTORE_UNVERIFIED({
      slot: slot.name,
      why: `the site reports ${verification.last.problem ?? verification.last.slot ?? 'no slot'}`,
    })
  await repairRecords(deps, route, { router: route, answer: verification.last, records })
  await host.query(append(layout, deploy, { event: 'repair', slot: slot.name, result: 'done', why: message }))
  return `${verification.asked} answers, ${health.path} answers ${verification.answer?.status || 'nothing'}`
}
