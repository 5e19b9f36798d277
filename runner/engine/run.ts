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
import type { AnyTask } from '../task.ts'
import { since } from '../traffic.ts'
import { redactingEmitter } from './emit.ts'
import { report, type Source } from './error-report.ts'
import type { Plan, Step } from './plan.ts'
import { scopesOf } from './scopes.ts'
import { asking, confirming, createStepContext } from './step-context.ts'

export interface Run {
  readonly plan: Plan
  /** The argument values, by name. */
  readonly values: Readonly<Record<string, unknown>>
  readonly source: Source
  readonly dryRun: boolean
  readonly timings: boolean
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
  const results = new Map<AnyTask, object>()
  const started: Step[] = []
  const undone: Step[] = []
  const left: Step[] = []
  const timings: Timing[] = []
  let phase: 'run' | 'undo' | 'close' = 'run'
  let current: Step | undefined
  let interrupted = false
  let starved = deferred<never>()
  let patience = grace
  let halt: { readonly error: unknown } | undefined
  let exit = 0
  let problem: { readonly code: string; readonly message: string } | undefined
  let data: unknown

  const confirm = confirming(renderer, redactor)
  const scopes = scopesOf({
    command: plan.command,
    signal: forward.signal,
    dryRun,
    tasks: plan.steps.map(({ task }) => task),
    values: setting.values,
    folder: source.folder,
    hide: redactor.hide,
    confirm: confirm(forward.signal),
  })
  const emit = (event: RunEvent) => {
    if (event.type === 'show' && event.data !== undefined) data = event.data
    emitRedacted(event)
  }
  const contextFor = (step: Step, { signal }: AbortController) =>
    createStepContext(step, signal, {
      folder: source.folder,
      dryRun,
      redactor,
      scopes,
      values: setting.values,
      results,
      columns: renderer.columns,
      over: over.signal,
      confirm,
      ask: asking(renderer, redactor),
      emit,
    })

  const fail = (error: unknown, during: 'run' | 'undo' | 'close', step?: Step) => {
    const reported = report(error, source)
    if (during === 'run') {
      exit = reported.exitCode
      const message = redactor.text(setting.names?.(reported.message) ?? reported.message)
      problem = { code: reported.code, message }
    }
    emit({ type: 'error', during, ...(step && { step: step.name }), ...reported })
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
        const pending = started.toReversed().filter(step => step.task.undo && !undone.includes(step))
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

  const perform = async (step: Step): Promise<boolean> => {
    const start = performance.now()
    const before = scopes.traffic()
    const base = { step: step.name, title: step.title }
    current = step
    if (step.interactive) await renderer.leave()
    emit({ type: 'start', ...base })
    const ended = contextFor(step, forward)
      .then(({ context, shell }) => {
        forward.signal.throwIfAborted()
        started.push(step)
        return shell.inside(() => step.task.run?.(context))
      })
      .then(
        value => ({ value }),
        (error: unknown) => ({ error, value: undefined }),
      )
    let outcome = await Promise.race([ended, halted.promise])
    // Ctrl-C may end the command that the step awaits one tick before our signal handler runs.
    if (outcome && 'error' in outcome) await nextTurn()
    outcome ??= await withTimeout(patience, ended)
    const ms = Math.round(performance.now() - start)
    if (!outcome) emit({ type: 'stuck', ...base, ms })
    if (typeof outcome?.value === 'object' && outcome.value) results.set(step.task, outcome.value)
    const problem = halt ?? (outcome && 'error' in outcome ? outcome : undefined)
    // Steps run one after the other, so the traffic is the step's own, or was started ahead for a later one.
    const traffic = since(scopes.traffic(), before)
    const timing: Timing = { ...base, ms, ...(traffic && { traffic }) }
    timings.push(timing)
    emit({ type: 'end', ...timing, ok: !problem && programExit(step, results) === 0 })
    if (problem) fail(problem.error, 'run', step)
    current = undefined
    return !problem
  }

  const undo = async (step: Step): Promise<void> => {
    const start = performance.now()
    const base = { type: 'undo', step: step.name, title: step.title } as const
    const ended = (state: 'done' | 'failed') => emit({ ...base, state, ms: Math.round(performance.now() - start) })
    current = step
    emit({ ...base, state: 'start' })
    starved = deferred()
    try {
      const undoing = contextFor(step, back).then(({ context, shell }) =>
        shell.inside(() => step.task.undo?.({ ...context, ...results.get(step.task) })),
      )
      await Promise.race([undoing, starved.promise])
      undone.push(step)
      ended('done')
    } catch (error) {
      left.push(step)
      ended('failed')
      fail(error, 'undo', step)
    }
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
    const steps = started.toReversed().filter(({ task }) => task.undo)
    if (steps.length > 0) await renderer.unwind(steps.map(({ name, title }) => ({ step: name, title })))
    for (const step of steps) await undo(step)
  }
  const ms = () => Math.round(performance.now() - began)
  if (!dryRun) {
    const outcome = { ok, undone: undone.map(({ task }) => task), ms: ms(), error: problem }
    for (const text of await scopes.ended(outcome)) emit({ type: 'show', text })
  }
  phase = 'close'
  for (const error of await scopes.close(grace)) fail(error, 'close')
  for (const unlisten of listening) unlisten()
  over.abort()

  if (ok) exit = exitOf(plan, results)
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
const exitOf = ({ steps }: Plan, results: ReadonlyMap<AnyTask, object>): number => programExit(steps.at(-1), results)

function programExit(step: Step | undefined, results: ReadonlyMap<AnyTask, object>): number {
  const result = step?.interactive || step?.task.streams ? results.get(step.task) : undefined
  return result && 'exitCode' in result && typeof result.exitCode === 'number' ? result.exitCode : 0
}
