/** A switch of the traffic: planned only to a healthy slot, verified through the router, recorded, and reverted if something fails. */
import { isDeepStrictEqual } from 'node:util'
import { caught, mapped, perform, type Query } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { Answer, Canary, Route, Router, Slot, Verification } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { type LeftOut, writeLeftOut } from '../fleet/left-out.ts'
import { describeAnswer } from '../health/format.ts'
import { assertHealthy, versionIn } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import type { Figures, Health } from '../model.ts'
import { besideRouter } from '../place.ts'
import type { LiveState } from '../state/readings.ts'
import { promotedAt, readRecord, type SlotRecord, writeRecord } from '../state/slot-record.ts'
import { type FailedHook, hooksAfter, hooksBack } from './hooks.ts'
import { movesAfter, movesBack } from './live-processes.ts'

export interface TrafficSwitch<S extends string> {
  readonly from: Slot<S> | undefined
  readonly to: Slot<S>
  /** The previous route, which an undo restores. */
  readonly before: Route
  readonly generation: string
  /** The record of `to`. */
  readonly record: SlotRecord
  /** The records of all slots before the switch. */
  readonly records: readonly (SlotRecord | undefined)[]
  /** The version that was live before. */
  readonly versionBefore: string | undefined
  /** What a fleet remembers of hosts that were left out, if the switch changes that. */
  readonly leftOut?: readonly LeftOut[] | undefined
  /** The share of the traffic that it had before this run. */
  readonly share?: Canary | undefined
  /** Whether the router may send a share of the traffic to it, before the switch. */
  shared: boolean
  /** Whether the router's switch command may have run; if not, there is nothing to undo. */
  attempted: boolean
  /** Whether what runs only in the live slot may have been moved, or stopped for that. */
  moved: boolean
  /** Whether the hooks of the application may have run. */
  hooked: boolean
  /** Whether it was proven and recorded. */
  completed: boolean
  /** Why the traffic stays on the new slot although the run failed: the previous slot serves worse. */
  stays?: string | undefined
}

const LIMITS = { answers: 5, within: 10_000 }
/** Milliseconds. The slot is already up, so its health check needs no time for a boot and can poll faster. */
const READY = { within: 10_000, every: 25 }

type SwitchDeps = Pick<Deps, 'host' | 'layout' | 'router' | 'runtime' | 'health' | 'deploy'>

/**
 * Plans a switch; `undefined` if the slot is already live. Throws if the slot is empty, down or unhealthy, or if another of its processes does not run.
 *
 * @param checked the slot's record if this run has just checked its health; otherwise the health check runs here
 */
export async function planSwitch<S extends string>(
  deps: SwitchDeps,
  state: LiveState<S>,
  to: Slot<S>,
  checked?: SlotRecord,
): Promise<TrafficSwitch<S> | undefined> {
  if (state.live?.name === to.name) return undefined
  const { host, layout, runtime, deploy } = deps
  const recordOf = (slot: Slot | undefined) => state.records.find(record => record?.slot === slot?.name)
  const record = checked ?? recordOf(to)
  if (!record) throw slotFaults.SLOT_EMPTY({ slot: to.name })
  const { within, every } = deps.health
  const health = { ...deps.health, within: Math.min(within, READY.within), every: Math.min(every, READY.every) }
  if (!checked) {
    await assertHealthy({ host, layout, runtime, health }, to, record.release, record.adopted?.pid)
    if (runtime.complete && !record.adopted) await host.query(runtime.complete(to))
  }
  const versionBefore = recordOf(state.live)?.release.version
  const { live: from, router: before, records, canary: share } = state
  const untouched = { shared: false, attempted: false, moved: false, hooked: false, completed: false }
  return { from, to, before, generation: deploy.id, record, records, versionBefore, share, ...untouched }
}

/** The verification failed; the message says how. `evaluateSwitch` turns it into a fault. */
export class Unverified extends Error {
  override readonly name = 'Unverified'
}

/**
 * Verifies on new connections that the router uses the new route, and that the application responds through it with the version of the release. Resolves
 * to a summary such as `5 answers, version 1.2.0`. Throws `Unverified`.
 */
export function verifySwitch(
  { router, health }: Pick<Deps, 'router' | 'health'>,
  { to, generation, record }: TrafficSwitch<string>,
): Query<string> {
  const limits = { ...LIMITS, path: health.path, headers: health.headers }
  return mapped(router.verify({ slot: to.name, generation }, limits), verification =>
    assertVerified(verification, health, record),
  )
}

function assertVerified(verification: Verification, health: Health, record: SlotRecord): string {
  const { verified, asked, last, answer } = verification
  if (!verified)
    throw new Unverified(`after ${asked} requests the site still reports ${last.problem ?? last.slot ?? 'no slot'}`)
  const { status, body, location }: Answer = answer ?? { status: 0, body: '' }
  if (status === 0) throw new Unverified(`${health.path} gives no answer through the router`)
  if (status !== 200)
    throw new Unverified(`asked for ${health.path} through the router, ${describeAnswer(status, body, location)}`)
  const expected = record.release.version
  const version = health.version === false ? expected : versionIn(body, health.version)
  if (version !== expected)
    throw new Unverified(`the application reports ${version ?? 'no version'} through the router instead of ${expected}`)
  return `${asked} answers, version ${expected}`
}

/** A first write: from here on the host refuses the order to switch if that is still on its way, as after a lost connection. */
const undoBegins = (router: Pick<Router, 'machine'>): Query<void> => perform(besideRouter(router, sh.write`:`))

/**
 * Restores the previous route and verifies that, then moves what runs only in the live slot back. What is as it was before the switch is not written: the
 * host may be unable to write. Resolves to the hooks that failed, if those of the switch had run. Throws `RESTORE_UNVERIFIED`.
 */
export async function revertSwitch(
  { host, layout, router, runtime }: SwitchDeps,
  trafficSwitch: TrafficSwitch<string>,
): Promise<readonly FailedHook[]> {
  const { before, to, record, moved, hooked } = trafficSwitch
  const verify = async () => (before.slot === undefined ? undefined : host.query(router.verify(before, LIMITS)))
  const reading = host.pipeline()
  reading.push(undoBegins(router))
  const route = reading.add(caught(router.live()))
  const recorded = reading.add(caught(readRecord(layout, to)))
  void reading.run()
  const { value: now } = await route
  const { value: found } = await recorded
  const switched = now?.slot !== before.slot || now?.generation !== before.generation
  let verification = switched ? undefined : await verify()
  if (!verification?.verified) {
    await host.query(router.restore(before))
    verification = await verify()
  }
  // The run may have failed after `recordSwitch`. After the route is restored, because writing may fail.
  const batch = host.pipeline()
  if (!isDeepStrictEqual(found, plain(record))) batch.push(writeRecord(layout, record))
  if (moved) batch.push(...movesBack(runtime, trafficSwitch))
  const hooks = hooked ? hooksBack(runtime, trafficSwitch).map(query => batch.add(query)) : []
  await batch.run()
  if (verification === undefined || verification.verified) return failures(hooks)
  const last = verification.last.problem ?? verification.last.slot ?? 'no slot'
  throw slotFaults.RESTORE_UNVERIFIED({
    slot: before.slot ?? '',
    why: `after ${to.name} the site reports ${last}`,
  })
}

/** As it is read again from its file. */
const plain = (record: SlotRecord): unknown => JSON.parse(JSON.stringify(record))

interface Completion {
  /** A remark for the journal. */
  readonly why?: string | undefined
  /** What was measured, for the journal. */
  readonly figures?: Figures | undefined
  /**
   * What comes first: to move what runs only in the live slot, which the records then show only if it succeeded, or the records.
   *
   * @default 'processes'
   */
  readonly first?: 'processes' | 'records'
}

/**
 * Completes a switch in one round trip: moves what runs only in the live slot, records the switch in the slot's record and the journal, and runs the
 * hooks of the application. Resolves to those that failed. Throws if a process does not start.
 */
export async function completeSwitch(
  { host, layout, runtime, deploy }: SwitchDeps,
  trafficSwitch: TrafficSwitch<string>,
  { why, figures, first = 'processes' }: Completion = {},
): Promise<readonly FailedHook[]> {
  const { from, to, generation, record, records } = trafficSwitch
  const promoted = { generation, at: promotedAt(records), by: deploy.by }
  const event = {
    event: 'promote',
    slot: to.name,
    from: from?.name,
    release: record.release.name,
    revision: record.revision ?? undefined,
    result: 'done',
    why,
    figures,
  } as const
  const moves = movesAfter(runtime, trafficSwitch)
  if (moves.length > 0) trafficSwitch.moved = true
  const recording = [
    writeRecord(layout, { ...record, state: 'ready', promoted }),
    ...(trafficSwitch.leftOut ? [writeLeftOut(layout, trafficSwitch.leftOut)] : []),
    append(layout, deploy, event),
  ]
  const batch = host.pipeline()
  const told = hooksAfter(runtime, trafficSwitch)
  if (told.length > 0) trafficSwitch.hooked = true
  batch.push(...(first === 'processes' ? [...moves, ...recording] : recording))
  const hooks = told.map(query => batch.add(query))
  if (first === 'records') batch.push(...moves)
  await batch.run()
  trafficSwitch.completed = true
  return failures(hooks)
}

const failures = async (hooks: readonly Promise<FailedHook | undefined>[]): Promise<readonly FailedHook[]> =>
  (await Promise.all(hooks)).filter(hook => hook !== undefined)

/** Moves what runs only in the live slot back, for a switch that did not happen. */
export async function moveBack({ host, runtime }: SwitchDeps, trafficSwitch: TrafficSwitch<string>): Promise<void> {
  const batch = host.pipeline()
  batch.push(...movesBack(runtime, trafficSwitch))
  await batch.run()
}
