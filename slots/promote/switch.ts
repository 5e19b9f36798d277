/** One move of the traffic: planned only to a slot that is fit for it, proven from outside, written down. */

import { caught, mapped, type Query } from '../../host/query.ts'
import type { Answer, Route, Slot, Verification } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { answerWords } from '../health/format.ts'
import { assertHealthy, versionIn } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import type { Health } from '../model.ts'
import type { LiveState } from '../state/readings.ts'
import { promotedAt, type SlotRecord, writeRecord } from '../state/slot-record.ts'

export interface TrafficSwitch<S extends string> {
  readonly from: Slot<S> | undefined
  readonly to: Slot<S>
  /** The route that is put back when the move goes wrong. */
  readonly before: Route
  readonly generation: string
  readonly record: SlotRecord
  /** All slots' records, as they were before. */
  readonly records: readonly (SlotRecord | undefined)[]
  /** The version that is live before. */
  readonly versionBefore: string | undefined
  /** Whether the router was told: until then there is nothing to take back. */
  told: boolean
  /** Why the traffic stays where it went although the run failed: the slot before serves worse. */
  stays?: string | undefined
}

/** Answers in a row on fresh connections that count as proof, and how long we wait for them. */
const PROOF = { answers: 5, within: 10_000 }
/** Milliseconds. A slot that should take the traffic now is not given the time of a boot, and it is up: it can be asked faster. */
const READY = { within: 10_000, every: 25 }

type SwitchDeps = Pick<Deps, 'host' | 'layout' | 'router' | 'runtime' | 'health' | 'deploy'>

/**
 * `undefined` when the slot is live already. Throws when the slot is empty, down or ill. `seen`: its record, when this run has just found
 * it healthy.
 */
export async function planSwitch<S extends string>(
  deps: SwitchDeps,
  truth: LiveState<S>,
  to: Slot<S>,
  seen?: SlotRecord,
): Promise<TrafficSwitch<S> | undefined> {
  if (truth.live?.name === to.name) return undefined
  const { host, runtime, deploy } = deps
  const recordOf = (slot: Slot | undefined) => truth.records.find(record => record?.slot === slot?.name)
  const record = seen ?? recordOf(to)
  if (!record) throw slotFaults.SLOT_EMPTY({ slot: to.name })
  const { within, every } = deps.health
  const health = { ...deps.health, within: Math.min(within, READY.within), every: Math.min(every, READY.every) }
  if (!seen) await assertHealthy({ host, runtime, health }, to, record.release, record.adopted?.pid)
  const versionBefore = recordOf(truth.live)?.release.version
  const { live: from, router: before, records } = truth
  return { from, to, before, generation: deploy.id, record, records, versionBefore, told: false }
}

/** The proof did not come; its message says what came instead. What that means is for `judgeSwitch`. */
export class Unverified extends Error {
  override readonly name = 'Unverified'
}

/** Proves on fresh connections that the route is the new one, and that it is this release that answers through it. Throws `Unverified`. */
export function proveSwitch(
  { router, health }: Pick<Deps, 'router' | 'health'>,
  { to, generation, record }: TrafficSwitch<string>,
): Query<string> {
  const limits = { ...PROOF, path: health.path, headers: health.headers }
  return mapped(router.verify({ slot: to.name, generation }, limits), proof => provenWords(proof, health, record))
}

function provenWords(proof: Verification, health: Health, record: SlotRecord): string {
  if (!proof.verified)
    throw new Unverified(
      `after ${proof.asked} questions the site still says ${proof.last.problem ?? proof.last.slot ?? 'no slot'}`,
    )
  const { status, body, location }: Answer = proof.answer ?? { status: 0, body: '' }
  if (status === 0) throw new Unverified(`${health.path} answers nothing through the router`)
  if (status !== 200)
    throw new Unverified(`asked for ${health.path} through the router, ${answerWords(status, body, location)}`)
  const said = health.version === false ? record.release.version : versionIn(body, health.version)
  if (said !== record.release.version)
    throw new Unverified(`through the router it says ${said ?? 'no version'} and not ${record.release.version}`)
  return `${proof.asked} answers, version ${record.release.version}`
}

/**
 * Puts the route back that was there before, and proves that too. Where the router never moved, nothing is asked of a host that may be full. Throws
 * `RESTORE_UNVERIFIED`.
 */
export async function takeBack(
  { host, layout, router }: SwitchDeps,
  { before, to, record }: TrafficSwitch<string>,
): Promise<void> {
  const back = async () => (before.slot === undefined ? undefined : host.query(router.verify(before, PROOF)))
  const { value: now } = await host.query(caught(router.live()))
  const moved = now?.slot !== before.slot || now?.generation !== before.generation
  let proof = moved ? undefined : await back()
  if (!proof?.verified) {
    await host.query(router.restore(before))
    proof = await back()
  }
  // What failed may have come after the move was written down. Where nothing can be written, the route is back all the same.
  await host.query(writeRecord(layout, record))
  if (proof === undefined || proof.verified) return
  const last = proof.last.problem ?? proof.last.slot ?? 'no slot'
  throw slotFaults.RESTORE_UNVERIFIED({ slot: before.slot ?? '', why: `the site says ${last} after ${to.name}` })
}

/** Writes into the slot's record and the journal that the traffic is there now. `why`: what there is to say of it. */
export async function recordSwitch(
  { host, layout, deploy }: SwitchDeps,
  move: TrafficSwitch<string>,
  why?: string,
): Promise<void> {
  const promoted = { generation: move.generation, at: promotedAt(move.records), by: deploy.by }
  const event = {
    event: 'promote',
    slot: move.to.name,
    from: move.from?.name,
    release: move.record.release.name,
    revision: move.record.revision ?? undefined,
    result: 'done',
    why,
  } as const
  const batch = host.pipeline()
  batch.push(writeRecord(layout, { ...move.record, state: 'ready', promoted }))
  batch.push(append(layout, deploy, event))
  await batch.run()
}
