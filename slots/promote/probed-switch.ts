/** A move of the traffic that measures itself: what users would have seen of it, and when. */

import { isSkipped, type Query } from '../../host/query.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Deps } from '../deps.ts'
import { versionIn } from '../health/health.ts'
import { type Measured, measured } from './measured.ts'
import { type Probed, type Prober, type Probing, startProbes } from './probe.ts'
import type { TrafficSwitch } from './switch.ts'

/** Milliseconds since the router was told. */
export interface SwitchStep {
  readonly title: string
  readonly at: number
  readonly took: number
}

export interface ProbedSwitch {
  /** What the proof said; undefined when something failed. */
  readonly proof: string | undefined
  /** What went wrong; whether too many probes failed is not looked at here. */
  readonly problem: unknown
  /** What is wrong with the router, and has not kept the traffic from moving. */
  readonly warnings: readonly Fault[]
  readonly steps: readonly SwitchStep[]
  readonly probed: Probed | undefined
  readonly measured: Measured | undefined
}

type ProbedSwitchDeps = Pick<Deps, 'host' | 'layout' | 'router' | 'health' | 'log'>

/**
 * Moves and proves, by `proof`, while the site is probed: all in one round trip. Throws when the
 * router could not switch; once it was told it never rejects: the problem is a value.
 */
export async function probedSwitch(
  deps: ProbedSwitchDeps,
  move: TrafficSwitch<string>,
  probing: Probing | undefined,
  proof: Query<string>,
): Promise<ProbedSwitch> {
  const { router, layout } = deps
  const dir = `${layout.slot(move.to.name).tmp}/probes.${move.generation}`
  await using prober = probing && startProbes(deps, probing, dir)
  const steps: SwitchStep[] = []
  let began = 0
  let last = 0
  const step = <T>(title: string, work: Promise<T>): Promise<T> =>
    work.finally(() => {
      const at = last
      last = performance.now() - began
      steps.push({ title, at, took: last - at })
    })
  // One after the other, in one round trip.
  const batch = deps.host.pipeline()
  const checked = batch.add(router.check(deps.health.path))
  const asked = prober && batch.add(prober.asked())
  const told = batch.add(router.promote(move.to, move.generation))
  const returned = prober && batch.add(prober.returned())
  const proofCame = batch.add(proof)
  const watched = prober && batch.add(prober.watched())
  // From now on only the host knows.
  move.told = true
  void batch.run()
  let warnings: readonly Fault[]
  try {
    warnings = await checked
    await asked
  } catch (error) {
    // Only what was certainly not run needs not be taken back.
    await told.catch((reason: unknown) => {
      if (isSkipped(reason)) move.told = false
    })
    throw error
  }
  began = performance.now()
  let proven: string | undefined
  let problem: unknown
  let probed: Probed | undefined
  try {
    await step('Tell the router', told)
    await returned
    proven = await step('Prove that the traffic moved', proofCame)
  } catch (error) {
    problem = error
  }
  if (prober) {
    try {
      probed = await step(
        'Watch the site',
        Promise.allSettled([watched]).then(() => ended(prober, deps, move)),
      )
    } catch (error) {
      problem ??= error
    }
  }
  const sameVersion = move.versionBefore === move.record.release.version
  const result =
    probed && measured(probed, { first: !move.from, sameVersion, dropsKeepAlive: router.dropsKeepAlive ?? false })
  return { proof: proven, problem, warnings, steps, probed, measured: result }
}

const ended = (
  prober: Prober,
  { health }: ProbedSwitchDeps,
  { from, to, record }: TrafficSwitch<string>,
): Promise<Probed | undefined> =>
  prober.end({
    to: to.name,
    from: from?.name,
    version: record.release.version,
    versionOf: body => (health.version === false ? undefined : versionIn(body, health.version)),
  })
