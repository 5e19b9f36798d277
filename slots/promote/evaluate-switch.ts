/**
 * Decides what happens after a switch was attempted. The traffic only goes back to a slot that does not fail more than the new one, and a release is only
 * blamed for failures of its own.
 */
import { caught } from '../../host/query.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Slots } from '../slot.ts'
import { countedFailures, type Measured, reasonsOf } from './measured.ts'
import { probeFaults } from './probe-faults.ts'
import type { Probing } from './probe-setting.ts'
import type { ProbedSwitch } from './probed-switch.ts'
import { serving } from './serving.ts'
import { type TrafficSwitch, Unverified } from './switch.ts'
import { failedOf, failsLess, sum, type Tally } from './tally.ts'

export interface Outcome {
  /** The error to throw; undefined if the traffic verifiably moved to a slot that serves it better. */
  readonly problem: unknown
  /** Why the traffic stays in spite of failures; undefined if it goes back, or if there was no failure. */
  readonly stays: string | undefined
}

type EvaluateDeps = Pick<Deps, 'host' | 'router' | 'health'>

/** Contacts the host only if something failed: it then requests the probed paths from both slots directly, once. */
export async function evaluateSwitch(
  deps: EvaluateDeps,
  trafficSwitch: TrafficSwitch<string>,
  { problem, measured }: Pick<ProbedSwitch, 'problem' | 'measured'>,
  probing: Probing | undefined,
): Promise<Outcome> {
  const failed = measured && probing && countedFailures(measured, deps.router) > probing.tolerate ? measured : undefined
  if (problem === undefined && !failed) return { problem: undefined, stays: undefined }
  const comparison = await compareSlots(deps, trafficSwitch, probing, measured).catch(() => undefined)
  const stays = comparison?.stays
  const direct = comparison?.direct ?? { sent: 0, failed: 0 }
  const slot = trafficSwitch.to.name
  if (problem instanceof Unverified) {
    const data = { slot, why: problem.message, stays: stays !== undefined }
    if (direct.failed > 0) return { problem: probeFaults.RELEASE_UNVERIFIED({ ...data, direct }), stays }
    return { problem: probeFaults.PROMOTE_UNVERIFIED(data), stays }
  }
  if (problem !== undefined || !failed) return { problem, stays }
  if (stays !== undefined) return { problem: undefined, stays }
  const data = {
    slot,
    path: probing?.paths[0] ?? '/',
    failures: failed.failures,
    sent: failed.sent,
    reasons: reasonsOf(failed),
    direct,
  }
  // Blame the router only if the slot responded to every direct request, and no status can only come from the application.
  const routerFailed = direct.sent > 0 && direct.failed === 0 && !Object.keys(failed.failed).some(isFromApplication)
  return { problem: routerFailed ? probeFaults.ROUTE_FAILED(data) : probeFaults.PROBES_FAILED(data), stays }
}

/** A gateway itself responds with 502, 503 or 504 (RFC 9110), never with another 5xx. */
const isFromApplication = (reason: string): boolean => /: (?!50[234]$)5\d\d$/.test(reason)

/**
 * Why the traffic stays on the new slot although the run failed later: the previous slot now fails more direct requests than the new one. Undefined if it
 * goes back, or if the slots could not be compared.
 */
export const reasonToStay = (
  deps: EvaluateDeps,
  trafficSwitch: TrafficSwitch<string>,
  probing: Probing | undefined,
): Promise<string | undefined> =>
  compareSlots(deps, trafficSwitch, probing, undefined).then(
    ({ stays }) => stays,
    () => undefined,
  )

async function compareSlots(
  deps: EvaluateDeps,
  { from, to }: TrafficSwitch<string>,
  probing: Probing | undefined,
  measured: Measured | undefined,
): Promise<{ readonly stays: string | undefined; readonly direct: Tally }> {
  const { host, router } = deps
  const [route, [direct, previous]] = await host.all([
    router.live(),
    serving(router, from ? [to, from] : [to], pathsOf(deps, probing)),
  ])
  const all = { old: sum(measured?.before, previous), new: sum(measured?.after, direct) }
  // The traffic can only stay on the new slot if the router did switch.
  const better = from && route.slot === to.name && failsLess(all.new, all.old)
  const stays = better ? `${from.name} failed ${failedOf(all.old)}, so the traffic stays on ${to.name}` : undefined
  return { stays, direct: direct ?? { sent: 0, failed: 0 } }
}

const pathsOf = ({ health }: Pick<EvaluateDeps, 'health'>, probing: Probing | undefined): readonly string[] =>
  probing?.paths ?? [health.path]

interface KeepDeps extends EvaluateDeps, Pick<Deps, 'runtime'> {
  readonly slots: Slots<string>
  readonly probe: Probing | undefined
}

/**
 * Why an undo must not stop a slot: it has the traffic, serves better than the live slot, or the live slot is unknown. Undefined if the slot can be
 * stopped.
 */
export async function reasonToKeepRunning(deps: KeepDeps, slot: Slot): Promise<string | undefined> {
  const { host, router, runtime, slots, probe } = deps
  const [{ value: route }, { value: process }] = await host.all([caught(router.live()), caught(runtime.process(slot))])
  if (process?.state !== 'running') return
  if (!route) return 'the live slot could not be determined'
  if (route.slot === undefined) return
  if (route.slot === slot.name) return 'it has the traffic'
  const live = slots.get(route.slot)
  const [own, lives] = (await host.query(caught(serving(router, [slot, live], pathsOf(deps, probe))))).value ?? []
  if (own && lives && failsLess(own, lives)) return `${live.name}, which is live, failed ${failedOf(lives)}`
}
