/** Evaluates the probes of a promote: counts failures before, during and after the switch, and formats the summary line. */
import type { Router } from '../contracts.ts'
import type { Figures } from '../model.ts'
import type { Probe, Probed } from './probe.ts'
import { NO_REQUESTS, type Tally } from './tally.ts'

/** Times are in milliseconds since the switch was ordered. */
export interface Measured {
  readonly sent: number
  /** Failures of requests that began after the switch was in effect, by kind, place and reason, such as `kept: 502` or `kept on n3: 502`. */
  readonly failed: Readonly<Record<string, number>>
  /** The sum of `failed`. */
  readonly failures: number
  /** Failures of requests that began before the switch was ordered: the site was already unhealthy. */
  readonly failedBefore: number
  /** Failures of requests that began between the two. Either route may have served them, so they count against neither. */
  readonly failedBetween: number
  /** Requests to the application through the previous route. */
  readonly before: Tally
  /** Requests to the application through the new route. */
  readonly after: Tally
  readonly slowest: number
  /** The first response of the new release. */
  readonly firstNew: number | undefined
  /** The last response of the old release. */
  readonly lastOld: number | undefined
}

interface MeasureOptions extends Pick<Router, 'dropsKeepAlive'> {
  /** No slot was live before. A 503 is correct then until the switch is in effect, so nothing before it counts as failed. */
  readonly first: boolean
  /** Both slots run the same version, so only the router's own responses can tell them apart. */
  readonly sameVersion: boolean
}

/** Only requests that began after the switch was in effect count against the new route: earlier ones may have been served by a dead previous slot. */
export function measured(
  { probes, returnedAt }: Probed,
  { first, sameVersion, dropsKeepAlive = false }: MeasureOptions,
): Measured {
  const from = inEffectAt(probes, returnedAt)
  const before = probes.filter(probe => probe.at < 0)
  const after = probes.filter(probe => probe.at >= from && !(first && probe.status === 503))
  const bad = probes.filter(probe => probe.problem !== undefined)
  const failedAfter = bad.filter(probe => after.includes(probe))
  const failedBefore = bad.filter(probe => before.includes(probe))
  const failed: Record<string, number> = {}
  for (const { kind, problem, place } of failedAfter) {
    const why = `${kind}${place === undefined ? '' : ` on ${place}`}: ${problem}`
    failed[why] = (failed[why] ?? 0) + 1
  }
  const distinct = probes.filter(probe => probe.kind === 'route' || !sameVersion)
  const ends = (by: 'old' | 'new') => distinct.filter(probe => probe.by === by && end(probe) >= 0).map(end)
  const news = ends('new')
  const olds = ends('old')
  return {
    sent: probes.length,
    failed,
    failures: failedAfter.length,
    failedBefore: first ? 0 : failedBefore.length,
    failedBetween: first ? 0 : bad.length - failedAfter.length - failedBefore.length,
    before: first ? NO_REQUESTS : tally(before, dropsKeepAlive),
    after: tally(after, dropsKeepAlive),
    slowest: Math.max(0, ...probes.map(probe => probe.took)),
    firstNew: news.length > 0 ? Math.min(...news) : undefined,
    lastOld: olds.length > 0 ? Math.max(...olds) : undefined,
  }
}

const end = ({ at, took }: Probe): number => at + took

/**
 * The time from which every request uses the new route. That can be later than `returnedAt`: a router may still answer for the old route for a moment after
 * its command returned. It is then the start of the first `route` probe of the new slot after the last response for the old one.
 */
function inEffectAt(probes: readonly Probe[], returnedAt: number): number {
  const route = probes.filter(probe => probe.kind === 'route')
  const lastOld = Math.max(returnedAt, ...route.filter(probe => probe.by === 'old').map(end))
  const news = route.filter(probe => probe.by === 'new' && probe.at >= lastOld).map(probe => probe.at)
  return news.length > 0 ? Math.min(...news) : lastOld
}

/** Counts requests to the application. A reset keep-alive connection is no failure if the router's switch closes some. */
function tally(probes: readonly Probe[], dropsKeepAlive: boolean): Tally {
  const requests = probes.filter(probe => probe.kind !== 'route')
  return {
    sent: requests.length,
    failed: requests.filter(probe => probe.problem && !(dropsKeepAlive && isDrop(probe))).length,
  }
}

const isDrop = ({ kind, problem }: Probe): boolean => kind === 'kept' && problem === 'reset'

/** What the journal keeps of it. */
export const figuresOf = ({ sent, failures, slowest }: Measured): Figures => ({
  sent,
  failed: failures,
  slowest: Math.round(slowest),
})

/** The failures that count against release or router: all except resets of keep-alive connections that the switch is expected to close. */
export const countedFailures = (
  { failures, failed }: Measured,
  { dropsKeepAlive = false }: Pick<Router, 'dropsKeepAlive'>,
): number => failures - (dropsKeepAlive ? (failed['kept: reset'] ?? 0) : 0)

/** @example ['3 kept: 502'] */
export const reasonsOf = ({ failed }: Measured): readonly string[] =>
  Object.entries(failed).map(([why, n]) => `${n} ${why}`)

/** The failures of requests whose connection the router itself closed: for a slot that does, it answers with a status. */
export const closedConnections = ({ failed }: Pick<Measured, 'failed'>): number =>
  Object.entries(failed).reduce((total, [why, n]) => total + (/: (?:reset|empty answer)$/.test(why) ? n : 0), 0)

/** @example `412 probes, 0 failed, slowest 9 ms, first new answer after 12 ms, last old after 11 ms` */
export function measuredLine(measured: Measured): string {
  const { sent, failures, failedBefore, failedBetween, slowest, firstNew, lastOld } = measured
  const reasons = reasonsOf(measured)
  return [
    `${sent} probes, ${failures} failed${reasons.length ? ` (${reasons.join(', ')})` : ''}`,
    ...(failedBefore ? [`${failedBefore} failed before the switch`] : []),
    ...(failedBetween ? [`${failedBetween} failed during it`] : []),
    `slowest ${Math.round(slowest)} ms`,
    `first new answer after ${firstNew === undefined ? 'none' : `${Math.round(firstNew)} ms`}`,
    `last old ${lastOld === undefined ? 'none' : `after ${Math.round(lastOld)} ms`}`,
  ].join(', ')
}
