/**
 * The engine: runs the steps of a plan in order, passes each the results of the steps that it needs, and undoes them, newest first, if one fails or the
 * run is interrupted.
 */
import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Renderer, RunEvent, Timing } from '../events.ts'
import { runnerFaults } from '../faults.ts'
import { deferred, withTimeout } from '../promises.ts'
import type { Redactor } from '../secrets/redact.ts'
import type { EndedStep } from '../task.ts'
import { since } from '../traffic.ts'
import { redactingEmitter, withoutSecrets } from './emit.ts'
import { report, type Source } from './error-report.ts'
import { fleetRun, isConsequence, type Results, resultsOf } from './fleet.ts'
import { hostReports } from './host-reports.ts'
import type { Plan, Step } from './plan.ts'
import { scopesOf } from './scopes.ts'
import { asking, confirming, createStepContext, type Lane } from './step-context.ts'

export interface Run {
  readonly plan: Plan
  /** The argument values, by name. */
  readonly values: Readonly<Record<string, unknown>>
  readonly source: Source
  readonly dryRun: boolean
  readonly timings: boolean
  /**
   * How many hosts work at once on a step.
   *
   * @default all
   */
  readonly limit?: number | undefined
  /** Where to, for the result. */
  readonly destination?: string | undefined
  /** Called before the first step. Rejects if the run must not begin. */
  admit?(confirm: (question: string) => Promise<boolean>): Promise<void>
  readonly redactor: Redactor
  readonly renderer: Renderer
  /** Replaces the commands in a message by their names in the Taskfile. */
  names?(text: string): string
  readonly hooks: ProcessHooks
  /**
   * Milliseconds that a step may take to stop after an interruption, and a scope to close.
   *
   * @default 10_000
   */
  readonly grace?: number
}

/** Events of the process. Each method adds a listener and returns a function that removes it. */
export interface ProcessHooks {
  /** SIGINT, SIGTERM and SIGHUP. */
  onSignal(listener: (signal: string) => void): () => void
  /** Uncaught errors, such as a rejection without a handler. */
  onStray(listener: (error: unknown) => void): () => void
  /** The event loop is empty although the run has not ended. */
  onStarved(listener: () => void): () => void
  /** Lines that code in this process printed without the context, such as by `console.log`. */
  onLine(listener: (line: string) => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

const GRACE = 10_000
/** Milliseconds; the grace period for an empty event loop, when only abort handlers can still make progress. */
const STARVED_GRACE = 1_000

/** Runs a plan; the renderer gets an event for everything that happens. Resolves to the exit code when all is undone and closed. */
export async function run(setting: Run): Promise<number> {
  const { plan, source, dryRun, redactor, renderer, hooks, grace = GRACE } = setting
  const emitRedacted = redactingEmitter(renderer, redactor, setting.names)
  const began = performance.now()
  /** Undo steps get a separate signal, because that of the run is aborted when they start. */
  const forward = new AbortController()
  const back = new AbortController()
  const over = new AbortController()
  // Each command adds a listener, and a step may run many at a time.
  setMaxListeners(0, forward.signal, back.signal, over.signal)
  const halted = deferred()
  const results = resultsOf()
  /** Each with the hosts on which it has begun. */
  const started = new Map<Step, (string | undefined)[]>()
  const undone: Step[] = []
  const left: Step[] = []
  const timings: Timing[] = []
  const ended: (Pick<EndedStep, 'title' | 'ok' | 'ms'> & { readonly name: string })[] = []
  /** What the steps have said, by their names; not what their undo says. */
  const notes = new Map<string, string>()
  let phase: 'run' | 'undo' | 'close' = 'run'
  let current: Step | undefined
  let interrupted = false
  let starved = deferred<never>()
  let patience = grace
  let halt: { readonly error: unknown } | undefined
  let exit = 0
  let problem: { readonly code: string; readonly message: string } | undefined
  let data: unknown
  /** By host, if each has its own. */
  const dataOf: Record<string, unknown> = {}

  /** A text as the renderer shows it. */
  const clean = { text: (text: string) => redactor.text(setting.names?.(text) ?? text) }
  const ask = asking(renderer, redactor)
  const confirm = confirming(ask)
  const scopes = scopesOf({
    command: plan.command,
    signal: forward.signal,
    dryRun,
    tasks: plan.steps.map(({ task }) => task),
    values: setting.values,
    folder: source.folder,
    hide: redactor.hide,
    redact: data => withoutSecrets(data, redactor),
    confirm: confirm(forward.signal),
  })
  const emit = (event: RunEvent) => {
    if (event.type === 'show' && event.data !== undefined) {
      if (event.host !== undefined) dataOf[event.host] = event.data
      else data = event.data
    }
    if (event.type === 'note' && phase === 'run') notes.set(event.step, event.note)
    emitRedacted(event)
  }
  const contextFor = (step: Step, { signal }: AbortController, lane: Lane, emit: (event: RunEvent) => void) =>
    createStepContext(step, signal, lane, {
      folder: source.folder,
      dryRun,
      redactor,
      scopes,
      values: setting.values,
      results,
      columns: renderer.columns,
      over: over.signal,
      confirm,
      ask,
      emit,
    })

  const fail = (error: unknown, during: 'run' | 'undo' | 'close', step?: Step, host?: string) => {
    const reported = report(error, source)
    if (during === 'run' && !problem) {
      exit = reported.exitCode
      problem = { code: reported.code, message: clean.text(reported.message) }
    }
    emit({ type: 'error', during, ...(step && { step: step.name }), ...(host !== undefined && { host }), ...reported })
  }
  const stop = (error: unknown) => {
    halt = { error }
    forward.abort(error)
    halted.resolve()
  }

  const listening = [
    hooks.onSignal(signal => {
      // A program that has the terminal handles Ctrl-C itself.
      if (phase === 'run' && signal === 'SIGINT' && current?.interactive) return
      if (interrupted) {
        const pending = [...started.keys()].toReversed().filter(step => step.task.undo && !undone.includes(step))
        emit({ type: 'abandon', signal, left: pending.map(({ title }) => title) })
        forward.abort()
        back.abort()
        return hooks.exit(130)
      }
      interrupted = true
      const now = phase === 'run' && current ? { step: current.name, title: current.title } : {}
      emit({ type: 'interrupt', signal, ...now })
      if (phase === 'run') stop(runnerFaults.INTERRUPTED({ signal }))
    }),
    hooks.onStray(error => (phase === 'run' && !halt ? stop(error) : fail(error, 'undo', current))),
    hooks.onStarved(() => {
      const error = runnerFaults.WAITS_FOR_NOTHING({ doing: current ? `\`${current.title}\`` : 'The run' })
      if (phase === 'undo') return starved.reject(error)
      if (phase === 'close' || halt) return
      patience = Math.min(grace, STARVED_GRACE)
      stop(error)
    }),
    hooks.onLine(line => emit({ type: 'output', step: current?.name ?? '', line })),
  ]

  /** Where a step runs: on each host of its scope, or once. */
  const lanesOf = async ({ task, interactive }: Step) => {
    // An error of opening is reported with the context of the step.
    const opened = task.scope && (await scopes.open(task.scope).catch(() => undefined))
    const { hosts = [] } = opened ?? {}
    const names = hosts.length > 1 && !task.once && !interactive ? hosts : [undefined]
    return lanesOn(names, {
      only: hosts[0],
      limit: setting.limit,
      together: task.together === true || task.streams,
    })
  }

  const perform = async (step: Step): Promise<boolean> => {
    const start = performance.now()
    const before = scopes.traffic()
    const base = { step: step.name, title: step.title }
    current = step
    if (step.interactive) await renderer.leave()
    emit({ type: 'start', ...base })
    const lanes = (await Promise.race([lanesOf(step), halted.promise])) ?? lanesOn([undefined])
    const reports = hostReports(step.name, lanes, emit)
    const begun: (string | undefined)[] = []
    const onLane = async (lane: EndingLane): Promise<Outcome> => {
      let turn = start
      const ended = lane
        .turn()
        .then(() => contextFor(step, forward, lane, reports.emit))
        .then(({ context, shell }) => {
          forward.signal.throwIfAborted()
          begun.push(lane.host)
          started.set(step, begun)
          turn = performance.now()
          if (lane.host !== undefined) emit({ type: 'host', step: step.name, host: lane.host, state: 'start' })
          return shell.inside(() => step.task.run?.(context))
        })
        .then(
          value => ({ value }),
          (error: unknown) => ({ error, value: undefined }),
        )
      let outcome: Outcome = (await Promise.race([ended, halted.promise])) ?? undefined
      // Ctrl-C may end the command that the step awaits one tick before our signal handler runs.
      if (outcome && 'error' in outcome) await nextTurn()
      outcome ??= await withTimeout(patience, ended)
      const failed = outcome === undefined || 'error' in outcome
      lane.ended(failed)
      if (lane.host !== undefined && begun.includes(lane.host)) {
        const ms = Math.round(performance.now() - turn)
        emit({ type: 'host', step: step.name, host: lane.host, state: failed ? 'failed' : 'done', ms })
      }
      if (typeof outcome?.value === 'object' && outcome.value) results.set(step.task, lane.host, outcome.value)
      return outcome
    }
    const outcomes = await Promise.all(lanes.map(async lane => ({ ...lane, outcome: await onLane(lane) })))
    reports.end()
    const ms = Math.round(performance.now() - start)
    if (outcomes.some(({ outcome }) => !outcome)) emit({ type: 'stuck', ...base, ms })
    const problems = halt ? [{ ...halt, host: undefined }] : causesIn(outcomes)
    // Steps run one after the other, so the traffic is the step's own, or was started ahead for a later one.
    const traffic = since(scopes.traffic(), before)
    const timing: Timing = { ...base, ms, ...(traffic && { traffic }) }
    timings.push(timing)
    const done = problems.length === 0 && programExit(step, results) === 0
    ended.push({ name: step.name, title: step.title, ok: done, ms })
    emit({ type: 'end', ...timing, ok: done })
    for (const { error, host } of problems) fail(error, 'run', step, host)
    current = undefined
    return problems.length === 0
  }

  const undo = async (step: Step): Promise<void> => {
    const start = performance.now()
    const base = { type: 'undo', step: step.name, title: step.title } as const
    const ended = (state: 'done' | 'failed') => emit({ ...base, state, ms: Math.round(performance.now() - start) })
    current = step
    emit({ ...base, state: 'start' })
    starved = deferred()
    const lanes = lanesOn(started.get(step) ?? [])
    const reports = hostReports(step.name, lanes, emit)
    const undoOn = async (lane: Lane) => {
      const { context, shell } = await contextFor(step, back, lane, reports.emit)
      await shell.inside(() => step.task.undo?.({ ...context, ...results.of(step.task, lane.host) }))
    }
    const outcomes = await Promise.all(
      lanes.map(lane =>
        Promise.race([undoOn(lane), starved.promise]).then(
          () => {
            lane.ended(false)
            return { ...lane, outcome: { value: undefined } }
          },
          (error: unknown) => {
            lane.ended(true)
            return { ...lane, outcome: { error, value: undefined } }
          },
        ),
      ),
    )
    reports.end()
    const problems = causesIn(outcomes)
    const failed = problems.length > 0
    if (failed) left.push({ ...step, title: onHosts(step.title, problems) })
    else undone.push(step)
    ended(failed ? 'failed' : 'done')
    for (const { error, host } of problems) fail(error, 'undo', step, host)
  }

  const admitted = async (): Promise<boolean> => {
    try {
      await setting.admit?.(confirm(forward.signal))
      forward.signal.throwIfAborted()
      return true
    } catch (error) {
      fail(halt?.error ?? error, 'run')
      return false
    }
  }

  let ok = await admitted()
  for (const step of plan.steps) if (ok) ok = await perform(step)
  if (!ok && !dryRun) {
    phase = 'undo'
    forward.abort(halt?.error)
    const steps = [...started.keys()].toReversed().filter(({ task }) => task.undo)
    if (steps.length > 0) await renderer.unwind(steps.map(({ name, title }) => ({ step: name, title })))
    for (const step of steps) await undo(step)
  }
  const ms = () => Math.round(performance.now() - began)
  if (!dryRun) {
    const steps = ended.map(({ name, ...step }) => withoutSecrets({ ...step, note: notes.get(name) }, clean))
    const outcome = { ok, undone: undone.map(({ task }) => task), ms: ms(), error: problem, steps }
    for (const text of await scopes.ended(outcome)) emit({ type: 'show', text })
  }
  phase = 'close'
  for (const error of await scopes.close(grace)) fail(error, 'close')
  for (const unlisten of listening) unlisten()
  over.abort()

  if (ok) exit = exitOf(plan, results)
  if (Object.keys(dataOf).length > 0) data = { hosts: dataOf }
  const traffic = scopes.traffic()
  emit({
    type: 'result',
    command: plan.command,
    title: plan.title,
    ok: exit === 0,
    exitCode: exit,
    ms: ms(),
    dryRun,
    ...(setting.destination !== undefined && { destination: setting.destination }),
    undone: undone.map(({ title }) => title),
    left: left.map(({ title }) => title),
    ...(data !== undefined && { data }),
    ...(traffic && { traffic }),
    ...(setting.timings && { timings }),
  })
  await renderer.close()
  return exit
}

/** The exit code of a last step that is interactive or streams becomes that of the run. */
const exitOf = ({ steps }: Plan, results: Results): number => programExit(steps.at(-1), results)

function programExit(step: Step | undefined, results: Results): number {
  const all = step?.interactive || step?.task.streams ? results.all(step.task) : []
  const codes = all.map(result => ('exitCode' in result && typeof result.exitCode === 'number' ? result.exitCode : 0))
  return Math.max(0, ...codes)
}

/** How a step ended; undefined if it did not end in time. */
type Outcome = { readonly value: unknown; readonly error?: unknown } | undefined

interface EndingLane extends Lane {
  turn(): Promise<void>
  ended(failed: boolean): void
}

interface LaneOptions {
  /** The name of the host for a step that runs once. */
  readonly only?: string | undefined
  readonly limit?: number | undefined
  readonly together?: boolean
}

function lanesOn(
  hosts: readonly (string | undefined)[],
  { only = '', ...setting }: LaneOptions = {},
): readonly EndingLane[] {
  const names = hosts.map(host => host ?? only)
  const run = fleetRun(names, setting)
  return hosts.map((host, i) => {
    const name = names[i] ?? ''
    return { host, fleet: run.on(name), turn: () => run.turn(name), ended: failed => run.ended(name, failed) }
  })
}

/** The errors of a step, without those that only follow from one on another host. */
function causesIn(outcomes: readonly { readonly host: string | undefined; readonly outcome: Outcome }[]) {
  const errors = outcomes.flatMap(({ host, outcome }) =>
    outcome && 'error' in outcome ? [{ host, error: outcome.error }] : [],
  )
  const causes = errors.filter(({ error }) => !isConsequence(error))
  const told = causes.length > 0 ? causes : errors
  const [first] = told
  // What the hosts have found out together is one error.
  const together = told.length > 1 && told.every(({ error }) => sameText(error, first?.error))
  return together ? [{ host: undefined, error: first?.error }] : told
}

const sameText = (a: unknown, b: unknown): boolean =>
  a === b || (a instanceof Error && b instanceof Error && a.message === b.message)

/** The title of a step, and the hosts that it could not be undone on. */
function onHosts(title: string, problems: readonly { readonly host: string | undefined }[]): string {
  const hosts = problems.flatMap(({ host }) => host ?? [])
  return hosts.length === 0 ? title : `${title} (${hosts.join(', ')})`
}
