/**
 * Decides what happens after a switch was attempted. The traffic only goes back to a slot that does not fail more than the new one, and a release is only
 * blamed for failures of its own. Several hosts decide together, by the sum of their requests: all go back, or all stay.
 */
import { caught } from '../../host/query.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Slots } from '../slot.ts'
import { closedConnections, countedFailures, type Measured, reasonsOf } from './measured.ts'
import { probeFaults } from './probe-faults.ts'
import type { Probing } from './probe-setting.ts'
import type { ProbedSwitch } from './probed-switch.ts'
import { serving } from './serving.ts'
import { type TrafficSwitch, Unverified, verifySwitch } from './switch.ts'
import { failedOf, failsLess, NO_REQUESTS, sum, type Tally } from './tally.ts'

export interface Outcome {
  /** The error to throw; undefined if the traffic verifiably moved to a slot that serves it better. */
  readonly problem: unknown
  /** Why the traffic stays in spite of failures; undefined if it goes back, or if there was no failure. */
  readonly stays: string | undefined
  /** What is told of failures that do not count. */
  readonly excused?: string
}

type EvaluateDeps = Pick<Deps, 'fleet' | 'host' | 'router' | 'runtime' | 'health'>

/** Contacts the hosts only if something failed on one of them: they then request the probed paths from both slots directly, once. */
export async function evaluateSwitch(
  deps: EvaluateDeps,
  trafficSwitch: TrafficSwitch<string>,
  switched: Measuring,
  probing: Probing | undefined,
): Promise<Outcome> {
  const { measured } = switched
  const { problem, failed, reloaded, excused } = await withoutReloads(deps, trafficSwitch, switched, probing)
  const troubled = problem !== undefined || failed !== undefined
  // Undefined if the switch has failed otherwise on one of the hosts, so that all go back.
  const all = await deps.fleet.gather(troubled).catch(() => undefined)
  if (!troubled && !all?.some(({ value }) => value))
    return { problem: undefined, stays: undefined, ...(excused !== undefined && { excused }) }
  // Without a comparison nothing speaks for the new slot: the traffic goes back, and the problem is what is reported.
  const comparison = await compareSlots(deps, trafficSwitch, probing, measured).catch(() => undefined)
  const stays = all && (await stayingOf(deps, trafficSwitch, comparison).catch(() => undefined))
  const direct = comparison?.direct ?? NO_REQUESTS
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
    reloaded,
  }
  // Blame the router only if the slot responded to every direct request, and no status can only come from the application.
  const routerFailed = direct.sent > 0 && direct.failed === 0 && !Object.keys(failed.failed).some(isFromApplication)
  return { problem: routerFailed ? probeFaults.ROUTE_FAILED(data) : probeFaults.PROBES_FAILED(data), stays }
}

type Measuring = Pick<ProbedSwitch, 'problem' | 'measured' | 'began'>

interface Seen {
  readonly problem: unknown
  /** The measurements, if their failures count. */
  readonly failed: Measured | undefined
  readonly reloaded: boolean
  /** What is told of failures that do not count. */
  readonly excused?: string
}

/**
 * A router that somebody else reloads meanwhile closes connections. Failures of these alone do not count if the switch is proven again:
 * the server may read another configuration since then.
 */
async function withoutReloads(
  deps: EvaluateDeps,
  trafficSwitch: TrafficSwitch<string>,
  { problem, measured, began }: Measuring,
  probing: Probing | undefined,
): Promise<Seen> {
  const failed = measured && probing && countedFailures(measured, deps.router) > probing.tolerate ? measured : undefined
  const reloaded = failed !== undefined && (await reloadedSince(deps, began))
  if (!reloaded || problem !== undefined) return { problem, failed, reloaded }
  if (failed.failures - closedConnections(failed) > (probing?.tolerate ?? 0)) return { problem, failed, reloaded }
  const unproven = await deps.host.query(verifySwitch(deps, trafficSwitch)).then(() => undefined, asIs)
  if (unproven !== undefined) return { problem: unproven, failed, reloaded }
  const excused = `Somebody reloaded the router meanwhile, which closed connections: their ${closedConnections(failed)} failed requests do not count. ${trafficSwitch.to.name} was proven again after that.`
  return { problem, failed: undefined, reloaded, excused }
}

const asIs = (error: unknown): unknown => error

/** Whether the router's server was reloaded since then, by `performance.now()`, and not by the switch itself. systemd counts whole seconds. */
async function reloadedSince({ host, router }: EvaluateDeps, began: number): Promise<boolean> {
  if (!router.reloaded || router.dropsKeepAlive) return false
  const { value: ago } = await host.query(caught(router.reloaded()))
  return ago !== undefined && ago <= (performance.now() - began) / 1000 + 1
}

/** A gateway itself responds with 502, 503 or 504 (RFC 9110), never with another 5xx. */
const isFromApplication = (reason: string): boolean => /: (?!50[234]$)5\d\d$/.test(reason)

/**
 * Why the traffic stays on the new slot although the run failed: it was evaluated so, or the previous slot now fails more direct requests than the new one.
 * Undefined if it goes back, or if the slots could not be compared. One answer for all hosts that the switch was planned on: they stay only if each of them
 * has completed the switch or was evaluated to stay, and no host is asked unless they may.
 */
export async function reasonToStay(
  deps: EvaluateDeps,
  trafficSwitch: TrafficSwitch<string>,
  probing: Probing | undefined,
): Promise<string | undefined> {
  const { attempted, completed, stays } = trafficSwitch
  const all = await deps.fleet.gather({ attempted, completed, stays })
  if (!all.every(({ value }) => value.attempted)) return undefined
  const told = all.find(({ value }) => value.stays !== undefined)
  if (all.length > 1 && !all.every(({ value }) => value.completed || value.stays !== undefined)) return undefined
  if (told) return told.value.stays
  // As above: without a comparison the traffic goes back.
  const comparison = await compareSlots(deps, trafficSwitch, probing, undefined).catch(() => undefined)
  return stayingOf(deps, trafficSwitch, comparison).catch(() => undefined)
}

/** The requests to both slots of a host. */
interface Comparison {
  /** Whether the router did switch; without that the traffic cannot stay on the new slot. */
  readonly switched: boolean
  readonly from: string | undefined
  readonly old: Tally
  readonly new: Tally
  /** Those to the new slot without the router. */
  readonly direct: Tally
}

/** Why the traffic of all hosts stays; the same on each of them. */
async function stayingOf(
  { fleet }: Pick<EvaluateDeps, 'fleet'>,
  { to }: TrafficSwitch<string>,
  own: Comparison | undefined,
): Promise<string | undefined> {
  const gathered = (await fleet.gather(own)).map(({ value }) => value)
  const all = gathered.flatMap(comparison => (comparison?.switched ? comparison : []))
  const from = all.find(comparison => comparison.from !== undefined)?.from
  if (all.length < gathered.length || from === undefined) return undefined
  const [previous, present] = [sum(...all.map(({ old }) => old)), sum(...all.map(comparison => comparison.new))]
  if (!failsLess(present, previous)) return undefined
  return `${from} failed ${failedOf(previous)}, so the traffic stays on ${to.name}`
}

async function compareSlots(
  deps: EvaluateDeps,
  { from, to }: TrafficSwitch<string>,
  probing: Probing | undefined,
  measured: Measured | undefined,
): Promise<Comparison> {
  const { host, router, runtime } = deps
  // Where nothing serves requests, the other hosts decide.
  const slots = runtime.serves === false ? [] : from ? [to, from] : [to]
  const [route, [direct = NO_REQUESTS, previous]] = await host.all([
    router.live(),
    serving(router, slots, pathsOf(deps, probing)),
  ])
  return {
    switched: route.slot === to.name,
    from: from?.name,
    old: sum(measured?.before, previous),
    new: sum(measured?.after, direct),
    direct,
  }
}

const pathsOf = ({ health }: Pick<EvaluateDeps, 'health'>, probing: Probing | undefined): readonly string[] =>
  probing?.paths ?? [health.path]

interface KeepDeps extends EvaluateDeps {
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
