/** A move of the traffic that measures itself: what users would have seen of it, and when. */

import type { Host } from '../../host/host.ts'
import { Fault } from '../../runner/fault.ts'
import type { Router } from '../contracts.ts'
import { versionIn } from '../health/health.ts'
import type { Layout } from '../layout.ts'
import type { Health } from '../model.ts'
import { type Measured, measured } from './measured.ts'
import { type Probed, type Prober, type Probing, startProbes } from './probe.ts'
import type { TrafficSwitch } from './switch.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  /** On a host that keeps its order. */
  readonly router: Router
  readonly health: Health
  log(line: string): void
}

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

/**
 * Moves and proves, by `prove`, while the site is probed: all in one turn where the router is prompt, so that it takes one round trip. Throws when the
 * router could not switch; once it was told it never rejects: the problem is a value.
 */
export async function probedSwitch(
  ground: Ground,
  move: TrafficSwitch<string>,
  probing: Probing | undefined,
  prove: () => Promise<string>,
): Promise<ProbedSwitch> {
  const { router, layout } = ground
  const dir = `${layout.slot(move.to.name).tmp}/probes.${move.generation}`
  await using prober = probing && startProbes(ground, probing, dir)
  const steps: SwitchStep[] = []
  let began = 0
  let last = 0
  const step = <T>(title: string, work: Promise<T>): Promise<T> =>
    work.finally(() => {
      const at = last
      last = performance.now() - began
      steps.push({ title, at, took: last - at })
    })
  // From now on only the host knows.
  move.told = true
  const [checked, asked, told, returned, proven, watched] = inTurn(
    router.prompt === true,
    () => router.check(ground.health.path),
    async () => prober?.asked(),
    () => router.promote(move.to, move.generation),
    async () => prober?.returned(),
    prove,
    async () => prober?.watched(),
  )
  let warnings: readonly Fault[]
  try {
    warnings = await checked
    await asked
  } catch (error) {
    // Only what was certainly not run needs not be taken back.
    await told.catch((reason: unknown) => {
      const skipped = reason instanceof Fault && reason.code === 'COMMAND_SKIPPED'
      if (skipped || (reason === error && !router.prompt)) move.told = false
    })
    throw error
  }
  began = performance.now()
  let proof: string | undefined
  let problem: unknown
  let probed: Probed | undefined
  try {
    await step('Tell the router', told)
    await returned
    proof = await step('Prove that the traffic moved', proven)
  } catch (error) {
    problem = error
  }
  if (prober) {
    try {
      probed = await step(
        'Watch the site',
        watched.catch(() => undefined).then(() => ended(prober, ground, move)),
      )
    } catch (error) {
      problem ??= error
    }
  }
  const sameVersion = move.versionBefore === move.record.release.version
  const result =
    probed && measured(probed, { first: !move.from, sameVersion, dropsKeepAlive: router.dropsKeepAlive ?? false })
  return { proof, problem, warnings, steps, probed, measured: result }
}

type Works = readonly (() => Promise<unknown>)[]
type Begun<W extends Works> = { [K in keyof W]: ReturnType<W[K]> }

/** Begins all of it at once, for a host that keeps its order; or each when the one before has ended well. */
function inTurn<const W extends Works>(prompt: boolean, ...works: W): Begun<W> {
  let before: Promise<unknown> = Promise.resolve()
  const begun = works.map(work => {
    before = prompt ? work() : before.then(work)
    before.catch(() => undefined)
    return before
  })
  return begun as Begun<W>
}

const ended = (
  prober: Prober,
  { health }: Ground,
  { from, to, record }: TrafficSwitch<string>,
): Promise<Probed | undefined> =>
  prober.end({
    to: to.name,
    from: from?.name,
    version: record.release.version,
    versionOf: body => (health.version === false ? undefined : versionIn(body, health.version)),
  })
