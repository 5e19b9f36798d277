/** Sends the traffic to a slot again where the router has lost its route: it was removed, names what is not ours, or leads nowhere. */

import { caught } from '../../host/query.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { append } from '../journal/journal.ts'
import type { Readings } from './readings.ts'
import { repairRecords } from './repair.ts'
import { liveByRecords, recordsOf } from './slot-record.ts'

const PROOF = { answers: 5, within: 10_000 }

export interface Lost {
  /** What is wrong, for people. */
  readonly words: string
  readonly records: Readings['records']
  /** The slot that was live by the records. */
  readonly last: string | undefined
}

/** Whether the route is lost; `undefined` when the router has one, or none and the records say the same. Throws what else could not be read. */
export async function lostRoute(
  { host, layout, slots, router }: Pick<Deps, 'host' | 'layout' | 'slots' | 'router'>,
  read: () => Promise<Readings>,
): Promise<Lost | undefined> {
  try {
    const { router: route, answer, records } = await read()
    const last = liveByRecords(records)
    const nobody = answer.problem === undefined && answer.slot === undefined
    if (!nobody || (route.slot === undefined && last === undefined)) return undefined
    const words = `router says ${route.slot ?? 'no slot'}, public answer says no slot, records says ${last ?? 'no slot'}`
    return { words, records, last }
  } catch (error) {
    const { fault } = await host.query(caught(router.live()))
    if (!fault) throw error
    const records = await host.query(recordsOf(layout, slots))
    return { words: fault.message.replace(/\.$/, ''), records, last: liveByRecords(records) }
  }
}

type PutBackDeps = Pick<Deps, 'layout' | 'slots' | 'router' | 'host' | 'health' | 'deploy' | 'dryRun'>

/**
 * Moves the route, proves it, and lets the records say the same. Whether the application is well does not matter: the site was down. Resolves to what
 * it answers now. Throws `SLOT_EMPTY`, what the router's check throws, and `RESTORE_UNVERIFIED`.
 */
export async function putBack(deps: PutBackDeps, { words, records }: Lost, slot: Slot): Promise<string> {
  const { host, layout, router, deploy, health } = deps
  if (!records.some(record => record?.slot === slot.name)) throw slotFaults.SLOT_EMPTY({ slot: slot.name })
  const route = { slot: slot.name, generation: deploy.id }
  const batch = host.pipeline()
  batch.push(router.check())
  batch.push(router.promote(slot, deploy.id))
  const proven = deps.dryRun ? undefined : batch.add(router.verify(route, { ...PROOF, path: health.path }))
  await batch.run()
  const proof = await proven
  if (!proof) return 'not proven in a dry run'
  if (!proof.verified)
    throw slotFaults.RESTORE_UNVERIFIED({
      slot: slot.name,
      why: `the site says ${proof.last.problem ?? proof.last.slot ?? 'no slot'}`,
    })
  await repairRecords(deps, route, { router: route, answer: proof.last, records })
  await host.query(append(layout, deploy, { event: 'repair', slot: slot.name, result: 'done', why: words }))
  return `${proof.asked} answers, ${health.path} answers ${proof.answer?.status || 'nothing'}`
}
