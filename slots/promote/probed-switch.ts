/** A switch of the traffic that is probed, to measure what users experience. */
import { isSkipped, type Query } from '../../host/query.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Deps } from '../deps.ts'
import { versionIn } from '../health/health.ts'
import { movesBefore } from './live-processes.ts'
import { type Measured, measured } from './measured.ts'
import { type Probed, type Prober, startProbes } from './probe.ts'
import type { Probing } from './probe-setting.ts'
import { assertReached } from './reach.ts'
import { askSockets, socketFault, socketWarnings } from './sockets.ts'
import type { TrafficSwitch } from './switch.ts'

/** Times are in milliseconds since the switch was ordered. */
export interface SwitchStep {
  readonly title: string
  readonly at: number
  readonly took: number
}

export interface ProbedSwitch {
  /** The summary of the verification; undefined if it failed. */
  readonly verified: string | undefined
  /** The error of a step. Failed probes are not an error here: `evaluateSwitch` decides about them. */
  readonly problem: unknown
  /** The warnings of the router's check, and of the WebSockets. */
  readonly warnings: readonly Fault[]
  readonly steps: readonly SwitchStep[]
  readonly probed: Probed | undefined
  readonly measured: Measured | undefined
  /** When the first probes were sent, by `performance.now()`. */
  readonly began: number
}

type ProbedSwitchDeps = Pick<Deps, 'fleet' | 'host' | 'layout' | 'router' | 'runtime' | 'health' | 'log'>

/**
 * Switches the traffic and runs `verification` while the site is probed, all in one round trip. With several hosts it takes two: all of them switch at one
 * moment, once each is ready. Throws if the router's check fails, or a process does not stop that must not run once the traffic has moved, on any of the
 * hosts; after that, an error is returned as `problem`.
 */
export async function probedSwitch(
  deps: ProbedSwitchDeps,
  trafficSwitch: TrafficSwitch<string>,
  probing: Probing | undefined,
  verification: Query<string>,
): Promise<ProbedSwitch> {
  const { router, layout, fleet } = deps
  // A host with the router alone has no slots.
  const parent = router.machine === undefined ? layout.slot(trafficSwitch.to.name).tmp : layout.router
  const dir = `${parent}/probes.${trafficSwitch.generation}`
  const probedSince = performance.now()
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
  const batch = deps.host.pipeline()
  const checked = batch.add(router.check(deps.health.path))
  const reached = assertReached(router, trafficSwitch.to).map(query => batch.add(query))
  const moves = movesBefore(deps.runtime, trafficSwitch).map(query => batch.add(query))
  const paths = probing?.sockets ?? []
  const [socketsBefore] = askSockets(router, paths).map(query => batch.add(query))
  const together = fleet.hosts.length > 1
  const ready = together && prober ? batch.add(prober.ready()) : undefined
  const switching = together ? deps.host.pipeline() : batch
  const beforeSwitch = prober && switching.add(prober.beforeSwitch())
  const switched = switching.add(router.promote(trafficSwitch.to, trafficSwitch.generation))
  const afterSwitch = prober && switching.add(prober.afterSwitch())
  const verifying = switching.add(verification)
  const [socketsAfter] = askSockets(router, paths).map(query => switching.add(query))
  const watched = prober && switching.add(prober.watched())
  const order = () => {
    // From here until the host answers, we cannot know whether the switch ran.
    trafficSwitch.attempted = true
    void switching.run()
  }
  trafficSwitch.moved = moves.length > 0
  if (together) void batch.run()
  else order()
  let warnings: readonly Fault[]
  try {
    warnings = await checked
    await Promise.all(reached)
    await Promise.all(moves)
    await ready
    if (together) {
      await fleet.gather(undefined)
      order()
    }
    await beforeSwitch
  } catch (error) {
    // An undo is unnecessary only if the switch was certainly skipped.
    if (trafficSwitch.attempted)
      await switched.catch((reason: unknown) => {
        if (isSkipped(reason)) trafficSwitch.attempted = false
      })
    const moved = await Promise.allSettled(moves)
    trafficSwitch.moved = moved.some(result => result.status === 'fulfilled' || !isSkipped(result.reason))
    throw error
  }
  began = performance.now()
  let verified: string | undefined
  let problem: unknown
  let probed: Probed | undefined
  try {
    await step('Tell the router', switched)
    await afterSwitch
    verified = await step('Prove that the traffic moved', verifying)
    if (socketsBefore && socketsAfter) {
      const [before, after] = [await socketsBefore, await socketsAfter]
      problem = socketFault(trafficSwitch.to.name, paths, before, after)
      warnings = [...warnings, ...socketWarnings(paths, before, after)]
    }
  } catch (error) {
    problem = error
  }
  if (prober) {
    try {
      probed = await step(
        'Watch the site',
        Promise.allSettled([watched]).then(() => endProbes(prober, deps, trafficSwitch)),
      )
    } catch (error) {
      problem ??= error
    }
  }
  const { from, versionBefore, record } = trafficSwitch
  const sameVersion = versionBefore === record.release.version
  const result =
    probed && measured(probed, { first: !from, sameVersion, dropsKeepAlive: router.dropsKeepAlive ?? false })
  return { verified, problem, warnings, steps, probed, measured: result, began: probedSince }
}

const endProbes = (
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
