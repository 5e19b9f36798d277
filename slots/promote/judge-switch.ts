/**
 * What becomes of a move that was made. The traffic goes back only to a route that does not fail more than the new one, and the release is
 * held to account only for what it does itself.
 */
import { caught } from '../../host/query.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Slots } from '../slot.ts'
import { against, type Measured } from './measured.ts'
import type { Probing } from './probe.ts'
import { probeFaults } from './probe-faults.ts'
import type { ProbedSwitch } from './probed-switch.ts'
import { serving } from './serving.ts'
import { type TrafficSwitch, Unverified } from './switch.ts'
import { failedOf, failsLess, sum, type Tally } from './tally.ts'

export interface Outcome {
  /** Why this is a failure; undefined when the traffic moved, provably, to a slot that serves it better. */
  readonly problem: unknown
  /** Why the traffic stays although not all went well; undefined when it goes back, or there is nothing to say. */
  readonly stays: string | undefined
}

type Judging = Pick<Deps, 'host' | 'router' | 'health'>

/** Asks nobody when all went well; else router and slots, once. */
export async function judgeSwitch(
  deps: Judging,
  move: TrafficSwitch<string>,
  { problem, measured }: Pick<ProbedSwitch, 'problem' | 'measured'>,
  probing: Probing | undefined,
): Promise<Outcome> {
  const failed = measured && probing && against(measured, deps.router) > probing.tolerate ? measured : undefined
  if (problem === undefined && !failed) return { problem: undefined, stays: undefined }
  const seen = await compared(deps, move, probing, measured).catch(() => undefined)
  const stays = seen?.stays
  const itself = seen?.itself ?? { sent: 0, failed: 0 }
  const slot = move.to.name
  if (problem instanceof Unverified) {
    const why = problem.message
    const about = { slot, why, stays: stays !== undefined }
    if (itself.failed > 0) return { problem: probeFaults.RELEASE_UNVERIFIED({ ...about, itself }), stays }
    return { problem: probeFaults.PROMOTE_UNVERIFIED(about), stays }
  }
  if (problem !== undefined || !failed) return { problem, stays }
  if (stays !== undefined) return { problem: undefined, stays }
  const about = {
    slot,
    path: probing?.paths[0] ?? '/',
    failures: failed.failures,
    sent: failed.sent,
    reasons: Object.entries(failed.failed).map(([why, n]) => `${n} ${why}`),
    itself,
  }
  // Where the slot could not be asked, nothing is known against the router; and a gateway has its own statuses (RFC 9110), a 500 is none of them.
  const router = itself.sent > 0 && itself.failed === 0 && !Object.keys(failed.failed).some(ofTheApplication)
  return { problem: router ? probeFaults.ROUTE_FAILED(about) : probeFaults.PROBES_FAILED(about), stays }
}

const ofTheApplication = (reason: string): boolean => /: (?!50[234]$)5\d\d$/.test(reason)

/**
 * Why the traffic stays where a move has brought it, although the run failed: the slot before fails more of what is asked of both now. Undefined when
 * it goes back, also where neither can be asked.
 */
export const staysNow = (
  deps: Judging,
  move: TrafficSwitch<string>,
  probing: Probing | undefined,
): Promise<string | undefined> =>
  compared(deps, move, probing, undefined).then(
    ({ stays }) => stays,
    () => undefined,
  )

async function compared(
  deps: Judging,
  { from, to }: TrafficSwitch<string>,
  probing: Probing | undefined,
  measured: Measured | undefined,
): Promise<{ readonly stays: string | undefined; readonly itself: Tally }> {
  const { host, router } = deps
  const [route, [itself, before]] = await host.all([
    router.live(),
    serving(router, from ? [to, from] : [to], pathsOf(deps, probing)),
  ])
  const all = { old: sum(measured?.before, before), new: sum(measured?.after, itself) }
  // Where the router never moved there is nothing to stay on.
  const better = from && route.slot === to.name && failsLess(all.new, all.old)
  const stays = better ? `${from.name} failed ${failedOf(all.old)}, so the traffic stays on ${to.name}` : undefined
  return { stays, itself: itself ?? { sent: 0, failed: 0 } }
}

const pathsOf = ({ health }: Pick<Judging, 'health'>, probing: Probing | undefined): readonly string[] =>
  probing?.paths ?? [health.path]

interface Undoing extends Judging, Pick<Deps, 'runtime'> {
  readonly slots: Slots<string>
  readonly probe: Probing | undefined
}

/**
 * Why a slot that was to be stopped again runs on: it has the traffic, or serves better than the slot that has. Undefined when it can be
 * stopped. Which slot is live is never guessed.
 */
export async function neededBy(deps: Undoing, slot: Slot): Promise<string | undefined> {
  const { host, router, runtime, slots, probe } = deps
  const [{ value: route }, { value: process }] = await host.all([caught(router.live()), caught(runtime.process(slot))])
  if (process?.state !== 'running') return
  if (!route) return 'it cannot be read which slot is live'
  if (route.slot === undefined) return
  if (route.slot === slot.name) return 'it has the traffic'
  const live = slots.get(route.slot)
  const [its, others] = (await host.query(caught(serving(router, [slot, live], pathsOf(deps, probe))))).value ?? []
  if (its && others && failsLess(its, others)) return `${live.name}, which is live, failed ${failedOf(others)}`
}
