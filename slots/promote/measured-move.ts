/** A move of the traffic that measures itself: what users would have seen of it, and when. */
import type { Host } from '../../host/host.ts'
import type { Router } from '../contracts.ts'
import { type Health, versionIn } from '../start/health.ts'
import type { Move } from './move.ts'
import { against, type Measured, measured, type Probed, type Prober, type Probing, startProbes } from './probe.ts'
import { probeFaults } from './probe-faults.ts'

interface Ground {
  readonly host: Host
  readonly router: Router
  readonly health: Health
  log(line: string): void
}

/** Milliseconds since the router was told. */
export interface MoveStep {
  readonly title: string
  readonly at: number
  readonly took: number
}

export interface MeasuredMove {
  /** What the proof said; undefined when something failed. */
  readonly proof: string | undefined
  /** Why the traffic has to go back. */
  readonly problem: unknown
  readonly steps: readonly MoveStep[]
  readonly probed: Probed | undefined
  readonly measured: Measured | undefined
}

/**
 * Moves and proves, by `prove`, while the site is probed. Throws when the router could not switch; once it was told it never rejects: the
 * problem is a value.
 */
export async function measureMove(
  ground: Ground,
  move: Move<string>,
  probing: Probing | undefined,
  prove: () => Promise<string>,
): Promise<MeasuredMove> {
  const { router } = ground
  const checked = router.check()
  checked.catch(() => undefined)
  await using prober = await (probing ? startProbes(ground, probing) : undefined)
  await checked
  const began = performance.now()
  const steps: MoveStep[] = []
  const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    const at = performance.now() - began
    try {
      return await work()
    } finally {
      steps.push({ title, at, took: performance.now() - began - at })
    }
  }
  let proof: string | undefined
  let problem: unknown
  let probed: Probed | undefined
  try {
    move.told = true
    prober?.mark('asked')
    await step('Tell the router', () => router.promote(move.to, move.generation))
    prober?.mark('returned')
    proof = await step('Prove that the traffic moved', prove)
  } catch (error) {
    problem = error
  }
  if (prober) {
    try {
      probed = await step('Watch the site', () => ended(prober, ground, move))
    } catch (error) {
      problem ??= error
    }
  }
  const result =
    probed && measured(probed, { first: !move.from, sameVersion: move.versionBefore === move.record.release.version })
  if (result && probing && against(result, router) > probing.tolerate)
    problem ??= probeFaults.PROBES_FAILED({
      slot: move.to.name,
      path: probing.paths[0] ?? '/',
      failures: result.failures,
      sent: result.sent,
      reasons: Object.entries(result.failed).map(([why, n]) => `${n} ${why}`),
    })
  return { proof, problem, steps, probed, measured: result }
}

const ended = (prober: Prober, { health }: Ground, { from, to, record }: Move<string>): Promise<Probed> =>
  prober.end({
    to: to.name,
    from: from?.name,
    version: record.release.version,
    versionOf: body => (health.version === false ? undefined : versionIn(body, health.version)),
  })
