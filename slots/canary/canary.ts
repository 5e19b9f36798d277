/** A canary: a share of the traffic goes to the slot that is not live. It is proven when it begins, changes and ends, and taken back if that slot fails more. */
import { caught, isSkipped } from '../../host/query.ts'
import type { Fault } from '../../runner/fault.ts'
import type { Canary, Router, Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { versionIn } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import { assertReached } from '../promote/reach.ts'
import type { TrafficSwitch } from '../promote/switch.ts'
import type { LiveState } from '../state/readings.ts'
import { type Answers, ask, tallyOf } from './ask.ts'
import { canaryFaults, type Figures } from './canary-faults.ts'
import { failsMore } from './compare.ts'
import { boundaries, numberText, sampleFor, shareBounds } from './share.ts'

type Able = 'canary' | 'beginCanary' | 'endCanary'
/** A router with the methods for a canary. */
export type CanaryRouter = Router & Required<Pick<Router, Able>>

/** @throws TypeError for a router without them, although its plugin has `canary` */
export function canaryRouter(router: Router): CanaryRouter {
  const { canary, beginCanary, endCanary } = router
  if (!canary || !beginCanary || !endCanary) throw new TypeError('the router has to have the methods for a canary')
  return router as CanaryRouter
}

/** @throws CANARY_RUNS if the idle slot gets a share of the traffic: it must not be stopped then */
export function assertNoCanary(
  { canary, live }: Pick<LiveState<string>, 'canary' | 'live'>,
  { name: slot }: Slot,
): void {
  if (!canary) return
  const { percent, switching } = canary
  throw canaryFaults.CANARY_RUNS({ slot, live: live?.name ?? '', percent, switching })
}

type CanaryDeps = Pick<Deps, 'host' | 'layout' | 'router' | 'health' | 'deploy'>

/** The slots of a canary, for messages and the journal. */
export interface Pair {
  /** The one that gets the share. */
  readonly slot: string
  readonly live: string
  /** The release of the canary. */
  readonly release: string | undefined
}

/** A canary that is to begin, or whose share is to change. */
export interface Share extends Pair {
  readonly wanted: Canary
  readonly to: TrafficSwitch<string>
  /** The canary that ran before. */
  before: Canary | undefined
  /** The paths to request. */
  readonly paths: readonly string[]
  /** Whether the router may have changed the share. */
  attempted: boolean
}

interface PlanOptions {
  readonly percent: number
  readonly sticky: boolean
  /** Whether it is a part of a rolling switch. */
  readonly switching?: boolean
  readonly paths: readonly string[]
}

/** `to`: the switch that would move all traffic. */
export const planShare = (
  { deploy }: Pick<Deps, 'deploy'>,
  before: Canary | undefined,
  to: TrafficSwitch<string>,
  { percent, sticky, switching = false, paths }: PlanOptions,
): Share => ({
  slot: to.to.name,
  live: to.from?.name ?? '',
  release: to.record.release.name,
  wanted: {
    slot: to.to.name,
    percent,
    // A share that is raised stays as it is in this.
    sticky: sticky || before?.sticky === true,
    ...(switching && { switching }),
    by: deploy.by,
    since: new Date().toISOString(),
  },
  to,
  before,
  paths,
  attempted: false,
})

export interface Proven {
  /** How many of the requests without a number went to the canary. */
  readonly summary: string
  readonly asked: Figures
  readonly warnings: readonly Fault[]
}

/**
 * Begins the canary and proves it, in one round trip.
 *
 * @throws CANARY_UNVERIFIED, and what the router's check throws
 */
export async function beginShare(deps: CanaryDeps, share: Share): Promise<Proven> {
  const { wanted, to, paths, slot } = share
  const router = canaryRouter(deps.router)
  const { canary, live } = boundaries(wanted.percent)
  const batch = deps.host.pipeline()
  const checked = batch.add(router.check(deps.health.path))
  batch.push(...assertReached(router, to.to))
  const begun = batch.add(router.beginCanary(wanted, to.before))
  const asking = batch.add(ask(deps, { paths, numbers: [...canary, ...live], sample: sampleFor(wanted.percent) }))
  share.attempted = true
  await batch.run().catch(async (error: unknown) => {
    await begun.catch((reason: unknown) => {
      if (isSkipped(reason) || isRefused(reason)) share.attempted = false
    })
    throw error
  })
  const answers = await asking
  const asked = { canary: tallyOf(answers, slot), live: tallyOf(answers, share.live) }
  // Of a slot that fails, the figures say more than the version that it did not report.
  const why = shareProblem(answers, share) ?? (mustEnd(asked) ? undefined : versionProblem(answers, deps, share))
  const { percent } = wanted
  if (why !== undefined) throw canaryFaults.CANARY_UNVERIFIED({ slot, percent, why })
  const seen = anyOf(answers)
  return {
    summary: `${seen.get(slot) ?? 0} of ${total(seen)} requests went there, bounds ${boundsText(total(seen), percent)}`,
    asked,
    warnings: await checked,
  }
}

/** The router refused it, so that nothing was changed. */
const isRefused = (reason: unknown): boolean =>
  typeof reason === 'object' && reason !== null && 'exitCode' in reason && reason.exitCode === 3

const anyOf = ({ asked }: Answers): ReadonlyMap<string | undefined, number> => {
  const seen = new Map<string | undefined, number>()
  for (const { number, slot, count } of asked) if (number === 'any') seen.set(slot, (seen.get(slot) ?? 0) + count)
  return seen
}

const total = (seen: ReadonlyMap<unknown, number>): number => [...seen.values()].reduce((a, b) => a + b, 0)

const boundsText = (sent: number, percent: number) => {
  const { least, most } = shareBounds(sent, percent)
  return `${least} to ${most}`
}

/** Why the answers do not show the share; undefined if they do. */
export function shareProblem(
  answers: Answers,
  { wanted, slot, live }: Pick<Share, 'wanted' | 'slot' | 'live'>,
): string | undefined {
  const { percent } = wanted
  const numbers = boundaries(percent)
  const expected = (number: string) => (numbers.canary.includes(number) ? slot : live)
  const astray = answers.asked.find(({ number, slot: named }) => number !== 'any' && named !== expected(number))
  if (astray)
    return `a request with the number ${astray.number} should go to ${expected(astray.number)}, and ${astray.slot ? `went to ${astray.slot}` : `its answer names no slot (status ${astray.status})`}`
  const seen = anyOf(answers)
  const sent = total(seen)
  if (sent < sampleFor(percent)) return `only ${sent} requests were answered in time`
  const unnamed = seen.get(undefined) ?? 0
  if (unnamed > 0) return `${unnamed} of ${sent} answers name no slot`
  const { least, most } = shareBounds(sent, percent)
  const got = seen.get(slot) ?? 0
  if (got < least || got > most) return `${got} of ${sent} requests went there, instead of ${least} to ${most}`
}

function versionProblem({ body }: Answers, { health }: CanaryDeps, { to }: Share): string | undefined {
  if (health.version === false) return undefined
  const expected = to.record.release.version
  const version = versionIn(body, health.version)
  if (version === expected) return undefined
  return `the application there reports ${version ?? 'no version'} through the router instead of ${expected}`
}

/** Whether the canary has to be taken back. */
export const mustEnd = ({ canary, live }: Figures): boolean => failsMore(canary, live)

/**
 * Ends the canary, and verifies that a number which led to it leads to the live slot.
 *
 * @throws CANARY_STAYS
 */
export async function endShare(deps: CanaryDeps & { readonly dryRun: boolean }, { slot, live }: Pair): Promise<void> {
  const router = canaryRouter(deps.router)
  const batch = deps.host.pipeline()
  batch.push(router.endCanary())
  const paths = [deps.health.path]
  const asking = deps.dryRun ? undefined : batch.add(ask(deps, { paths, numbers: [numberText(0)], sample: 0 }))
  await batch.run()
  const astray = (await asking)?.asked.find(({ slot: named, status }) => named !== undefined || status === 0)
  if (!astray) return
  const why = astray.slot ? `the router still chooses ${astray.slot}` : `the site does not answer, with ${live} live`
  throw canaryFaults.CANARY_STAYS({ slot, why })
}

/** Restores what was before a command: the share of then, or none. */
export async function restoreShare(deps: CanaryDeps & { readonly dryRun: boolean }, share: Share): Promise<void> {
  const { before, to } = share
  if (!before) return endShare(deps, share)
  const { value: now } = await deps.host.query(caught(deps.router.live()))
  // Another run may have moved the traffic, which ends a canary.
  if (now?.slot === to.before.slot && now?.generation === to.before.generation)
    await deps.host.query(canaryRouter(deps.router).beginCanary(before, to.before))
}

/** A sentence for people. */
export const describeCanary = ({ slot, percent, sticky, switching, by, since }: Canary): string =>
  `${switching ? 'Rolling switch' : 'Canary'}: ${slot} gets ${percent} % of the traffic since ${since}, by ${by}${sticky ? '; visitors stay with their slot' : ''}.${switching ? ' If that run was cut off, `npx task repair` ends it.' : ''}`

export const shareEvent = ({ slot, live, release }: Pair) => ({ event: 'canary', slot, from: live, release }) as const

/** Writes to the journal what became of a share. */
export const noteShare = (
  { host, layout, deploy }: Pick<CanaryDeps, 'host' | 'layout' | 'deploy'>,
  pair: Pair,
  result: 'done' | 'undone',
  why: string,
): Promise<void> => host.query(append(layout, deploy, { ...shareEvent(pair), result, why }))
