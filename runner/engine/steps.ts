/** Runs one step, or undoes it, on each of its hosts. */
import type { Renderer, RunEvent } from '../events.ts'
import { nextTurn, withTimeout } from '../promises.ts'
import { since } from '../traffic.ts'
import type { Results } from './fleet.ts'
import { hostReports } from './host-reports.ts'
import { causesIn, type EndingLane, lanesOn, type Outcome } from './lanes.ts'
import type { Ledger } from './ledger.ts'
import type { Step } from './plan.ts'
import type { Scopes } from './scopes.ts'
import type { Lane, StepContext } from './step-context.ts'
import type { Stops } from './stops.ts'

/** What the steps of a run share. */
export interface Course {
  readonly ledger: Ledger
  readonly stops: Stops
  readonly scopes: Scopes
  readonly results: Results
  readonly renderer: Renderer
  /** How many hosts work at once on a step. */
  readonly limit: number | undefined
  contextFor(step: Step, signal: AbortSignal, lane: Lane, emit: (event: RunEvent) => void): Promise<StepContext>
}

/** Resolves to whether the step succeeded. */
export async function perform(course: Course, step: Step): Promise<boolean> {
  const { ledger, stops, scopes, results, renderer } = course
  const start = performance.now()
  const before = scopes.traffic()
  const base = { step: step.name, title: step.title }
  ledger.current = step
  if (step.interactive) await renderer.leave()
  ledger.emit({ type: 'start', ...base })
  const lanes = (await Promise.race([lanesOf(course, step), stops.halted])) ?? lanesOn([undefined])
  const reports = hostReports(step.name, lanes, ledger.emit)
  const outcomes = await Promise.all(
    lanes.map(async lane => ({ host: lane.host, outcome: await onLane(course, step, lane, reports.emit) })),
  )
  reports.end()
  const ms = Math.round(performance.now() - start)
  if (outcomes.some(({ outcome }) => !outcome)) ledger.emit({ type: 'stuck', ...base, ms })
  const problems = stops.halt ? [{ ...stops.halt, host: undefined }] : causesIn(outcomes)
  // Steps run one after the other, so the traffic is the step's own, or was started ahead for a later one.
  const traffic = since(scopes.traffic(), before)
  const ok = problems.length === 0 && programExit(step, results) === 0
  ledger.ended({ ...base, ms, ...(traffic && { traffic }), ok })
  for (const { error, host } of problems) ledger.fail(error, 'run', { step, host })
  ledger.current = undefined
  return problems.length === 0
}

/** Where a step runs: on each host of its scope, or once. */
async function lanesOf({ scopes, limit }: Course, { task, interactive }: Step): Promise<readonly EndingLane[]> {
  // An error of opening is reported with the context of the step.
  const opened = task.scope && (await scopes.open(task.scope).catch(() => undefined))
  const { hosts = [] } = opened ?? {}
  const names = hosts.length > 1 && !task.once && !interactive ? hosts : [undefined]
  return lanesOn(names, { only: hosts[0], limit, together: task.together === true || task.streams })
}

async function onLane(
  { ledger, stops, scopes, results, contextFor }: Course,
  step: Step,
  lane: EndingLane,
  emit: (event: RunEvent) => void,
): Promise<Outcome> {
  const { host } = lane
  let began: number | undefined
  const told = (state: 'start' | 'done' | 'failed', ms?: number) => {
    if (host !== undefined) ledger.emit({ type: 'host', step: step.name, host, state, ...(ms !== undefined && { ms }) })
  }
  const ended = lane
    .turn()
    .then(() => contextFor(step, stops.forward, lane, emit))
    .then(({ context, shell }) => {
      stops.forward.throwIfAborted()
      ledger.started.set(step, [...(ledger.started.get(step) ?? []), host])
      began = performance.now()
      told('start')
      return shell.inside(() => step.task.run?.(context))
    })
    .then(
      value => ({ value }),
      (error: unknown) => ({ error: scopes.causeOf(error), value: undefined }),
    )
  let outcome: Outcome = (await Promise.race([ended, stops.halted])) ?? undefined
  // Ctrl-C may end the command that the step awaits one tick before our signal handler runs.
  if (outcome && 'error' in outcome) await nextTurn()
  outcome ??= await withTimeout(stops.patience, ended)
  const failed = outcome === undefined || 'error' in outcome
  lane.ended(failed)
  if (began !== undefined) told(failed ? 'failed' : 'done', Math.round(performance.now() - began))
  if (typeof outcome?.value === 'object' && outcome.value) results.set(step.task, host, outcome.value)
  return outcome
}

/** Undoes a step on the hosts on which it has begun. */
export async function undo(course: Course, step: Step): Promise<void> {
  const { ledger, stops, results, contextFor } = course
  const start = performance.now()
  const tell = (state: 'start' | 'done' | 'failed') => {
    const ms = state === 'start' ? undefined : Math.round(performance.now() - start)
    ledger.emit({ type: 'undo', step: step.name, title: step.title, state, ...(ms !== undefined && { ms }) })
  }
  ledger.current = step
  tell('start')
  const starved = stops.starved()
  const lanes = lanesOn(ledger.started.get(step) ?? [])
  const reports = hostReports(step.name, lanes, ledger.emit)
  const undoOn = async (lane: Lane) => {
    const { context, shell } = await contextFor(step, stops.back, lane, reports.emit)
    await shell.inside(() => step.task.undo?.({ ...context, ...results.of(step.task, lane.host) }))
  }
  const outcomes = await Promise.all(
    lanes.map(async lane => {
      const outcome: NonNullable<Outcome> = await Promise.race([undoOn(lane), starved]).then(
        value => ({ value }),
        (error: unknown) => ({ error, value: undefined }),
      )
      lane.ended('error' in outcome)
      return { host: lane.host, outcome }
    }),
  )
  reports.end()
  const problems = causesIn(outcomes)
  const failed = problems.length > 0
  if (failed) ledger.left.push(onHosts(step.title, problems))
  else ledger.undone.push(step)
  tell(failed ? 'failed' : 'done')
  for (const { error, host } of problems) ledger.fail(error, 'undo', { step, host })
}

/** The exit code of the program of an interactive or streaming step; 0 for any other. */
export function programExit(step: Step | undefined, results: Results): number {
  const all = step?.interactive || step?.task.streams ? results.all(step.task) : []
  const codes = all.map(result => ('exitCode' in result && typeof result.exitCode === 'number' ? result.exitCode : 0))
  return Math.max(0, ...codes)
}

/** The title of a step, and the hosts that it could not be undone on. */
function onHosts(title: string, problems: readonly { readonly host: string | undefined }[]): string {
  const hosts = problems.flatMap(({ host }) => host ?? [])
  return hosts.length === 0 ? title : `${title} (${hosts.join(', ')})`
}
