/** What the probes of a promote say of the route before it and of the new one, and the line that a person is told. */
import type { Router } from '../contracts.ts'
import type { Probe, Probed } from './probe.ts'
import { NOTHING, type Tally } from './tally.ts'

/** Times are milliseconds since the router was told. */
export interface Measured {
  readonly sent: number
  /** Of what began when the switch was in force, by kind of failure such as `kept: 502`. */
  readonly failed: Readonly<Record<string, number>>
  readonly failures: number
  /** Of what began before the router was told: the site was ill already. */
  readonly failedBefore: number
  /** Of what began between the two: it may have gone either way, and is held against neither. */
  readonly failedBetween: number
  /** What was asked of the application on the route before, and on the new one. */
  readonly before: Tally
  readonly after: Tally
  readonly slowest: number
  readonly firstNew: number | undefined
  readonly lastOld: number | undefined
}

interface About extends Pick<Router, 'dropsKeepAlive'> {
  /** There was no live slot before: until the switch is in force a 503 is the right answer, and nothing before it failed. */
  readonly first: boolean
  /** Both slots run the same version: only the router's own answers tell them apart. */
  readonly sameVersion: boolean
}

/**
 * Only what began when the switch was in force counts against the new route: what a dead slot answers in the milliseconds around a
 * rename says nothing of the one that comes after it.
 */
export function measured(
  { probes, returnedAt }: Probed,
  { first, sameVersion, dropsKeepAlive = false }: About,
): Measured {
  const from = inForce(probes, returnedAt)
  const before = probes.filter(probe => probe.at < 0)
  const after = probes.filter(probe => probe.at >= from && !(first && probe.status === 503))
  const bad = probes.filter(probe => probe.problem !== undefined)
  const failedAfter = bad.filter(probe => after.includes(probe))
  const failedBefore = bad.filter(probe => before.includes(probe))
  const failed: Record<string, number> = {}
  for (const { kind, problem } of failedAfter) failed[`${kind}: ${problem}`] = (failed[`${kind}: ${problem}`] ?? 0) + 1
  const telling = probes.filter(probe => probe.kind === 'route' || !sameVersion)
  const ends = (by: 'old' | 'new') => telling.filter(probe => probe.by === by && end(probe) >= 0).map(end)
  const news = ends('new')
  const olds = ends('old')
  return {
    sent: probes.length,
    failed,
    failures: failedAfter.length,
    failedBefore: first ? 0 : failedBefore.length,
    failedBetween: first ? 0 : bad.length - failedAfter.length - failedBefore.length,
    before: first ? NOTHING : tally(before, dropsKeepAlive),
    after: tally(after, dropsKeepAlive),
    slowest: Math.max(0, ...probes.map(probe => probe.took)),
    firstNew: news.length > 0 ? Math.min(...news) : undefined,
    lastOld: olds.length > 0 ? Math.max(...olds) : undefined,
  }
}

const end = ({ at, took }: Probe): number => at + took

/**
 * From when on every request is the new route's: the router has said that it was done, and names the new slot for good. Some move only a moment after
 * they said so, and there the first answer that counts is the one that comes after the last of the old route.
 */
function inForce(probes: readonly Probe[], returnedAt: number): number {
  const route = probes.filter(probe => probe.kind === 'route')
  const lastOld = Math.max(returnedAt, ...route.filter(probe => probe.by === 'old').map(end))
  const news = route.filter(probe => probe.by === 'new' && probe.at >= lastOld).map(probe => probe.at)
  return news.length > 0 ? Math.min(...news) : lastOld
}

/** What was asked of the application; a lost connection says nothing of it where a switch is known to close some. */
function tally(probes: readonly Probe[], dropsKeepAlive: boolean): Tally {
  const asked = probes.filter(probe => probe.kind !== 'route')
  return {
    sent: asked.length,
    failed: asked.filter(probe => probe.problem && !(dropsKeepAlive && isDrop(probe))).length,
  }
}

const isDrop = ({ kind, problem }: Probe): boolean => kind === 'kept' && problem === 'reset'

/** How many failures speak against the release or the router. */
export const against = (
  { failures, failed }: Measured,
  { dropsKeepAlive = false }: Pick<Router, 'dropsKeepAlive'>,
): number => failures - (dropsKeepAlive ? (failed['kept: reset'] ?? 0) : 0)

/** One line for people. */
export function measuredLine(measured: Measured): string {
  const { sent, failed, failures, failedBefore, failedBetween, slowest, firstNew, lastOld } = measured
  const reasons = Object.entries(failed).map(([why, n]) => `${n} ${why}`)
  return [
    `${sent} probes, ${failures} failed${reasons.length ? ` (${reasons.join(', ')})` : ''}`,
    ...(failedBefore ? [`${failedBefore} failed before the switch`] : []),
    ...(failedBetween ? [`${failedBetween} failed during it`] : []),
    `slowest ${Math.round(slowest)} ms`,
    `first new answer after ${firstNew === undefined ? 'none' : `${Math.round(firstNew)} ms`}`,
    `last old ${lastOld === undefined ? 'none' : `after ${Math.round(lastOld)} ms`}`,
  ].join(', ')
}
