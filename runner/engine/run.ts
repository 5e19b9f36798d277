/**
 * The engine: runs the steps of a plan in order, hands each what the ones that it needs have returned, and unwinds them,
 * newest first, when one fails or the run is interrupted.
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
import { confirming, createStepContext } from './step-context.ts'

export interface Run {
  readonly plan: Plan
  /** The values of the arguments, by name. */
  readonly values: Readonly<Record<string, unknown>>
  readonly source: Source
  readonly dryRun: boolean
  readonly timings: boolean
  readonly redactor: Redactor
  readonly renderer: Renderer
  /** Gives the commands in a message the names that they have in the Taskfile. */
  names?(text: string): string
  readonly outside: ProcessHooks
  /** How long a step may take to stop when it is interrupted, and a scope to close, in milliseconds. */
  readonly grace?: number
}

/** What happens to a run from outside. A listener is called until the function that it got is. */
export interface ProcessHooks {
  /** SIGINT, SIGTERM and SIGHUP. */
  onSignal(listener: (signal: string) => void): () => void
  /** Errors that nobody catches, such as a rejection without a handler. */
  onStray(listener: (error: unknown) => void): () => void
  /** The event loop is empty, but the run has not ended. */
  onStarved(listener: () => void): () => void
  /** Lines that something in this process printed past the kit, such as with `console.log`. */
  onLine(listener: (line: string) => void): () => void
  /** Ends the program at once. */
  exit(code: number): void
}

const GRACE = 10_000
/** A shorter grace period for an empty event loop: only abort handlers can still make progress. */
const STARVED_GRACE = 1_000

/** Resolves to the exit code, when all is undone and closed. Everything that happens is told to the renderer. */
export async function run(setting: Run): Promise<number> {
  const { plan, source, dryRun, redactor, renderer, outside, grace = GRACE } = setting
  const hiddenTell = redactingEmitter(renderer, redactor, setting.names)
  const began = performance.now()
  /** Undo steps get a signal of their own: the run's is aborted when they start. */
  const forward = new AbortController()
  const back = new AbortController()
  const over = new AbortController()
  // Each command listens to them, and a step may have many at a time.
  setMaxListeners(0, forward.signal, back.signal, over.signal)
  const halted = deferred()
  const results = new Map<AnyTask, object>()
  const begun: Step[] = []
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
  const tell = (event: RunEvent) => {
    if (event.type === 'show') data = event.data
    hiddenTell(event)
  }
  const hands = (step: Step, { signal }: AbortController) =>
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
      tell,
    })

  const fail = (error: unknown, during: 'run' | 'undo' | 'close', step?: Step) => {
    const words = report(error, source)
    if (during === 'run') exit = words.exitCode
    tell({ type: 'error', during, ...(step && { step: step.name }), ...words })
  }
  const stop = (error: unknown) => {
    halt = { error }
    forward.abort(error)
    halted.resolve()
  }

  const listening = [
    outside.onSignal(signal => {
      // A program that has the terminal also has its Ctrl-C.
      if (phase === 'run' && signal === 'SIGINT' && current?.task.interactive) return
      if (interrupted) {
        const waiting = begun.toReversed().filter(step => step.task.undo && !undone.includes(step))
        tell({ type: 'abandon', signal, left: waiting.map(({ title }) => title) })
        forward.abort()
        back.abort()
        return outside.exit(130)
      }
      interrupted = true
      const now = phase === 'run' && current ? { step: current.name, title: current.title } : {}
      tell({ type: 'interrupt', signal, ...now })
      if (phase === 'run') stop(runnerFaults.INTERRUPTED({ signal }))
    }),
    outside.onStray(error => (phase === 'run' && !halt ? stop(error) : fail(error, 'undo', current))),
    outside.onStarved(() => {
      const error = runnerFaults.WAITS_FOR_NOTHING({ doing: current ? `\`${current.title}\`` : 'The run' })
      if (phase === 'undo') return starved.reject(error)
      if (phase === 'close' || halt) return
      patience = Math.min(grace, STARVED_GRACE)
      stop(error)
    }),
    outside.onLine(line => tell({ type: 'output', step: current?.name ?? '', line })),
  ]

  const perform = async (step: Step): Promise<boolean> => {
    const start = performance.now()
    const before = scopes.traffic()
    const about = { step: step.name, title: step.title }
    current = step
    if (step.task.interactive) await renderer.leave()
    tell({ type: 'start', ...about })
    const ended = hands(step, forward)
      .then(({ context, shell }) => {
        forward.signal.throwIfAborted()
        begun.push(step)
        return shell.inside(() => step.task.run?.(context))
      })
      .then(
        value => ({ value }),
        (error: unknown) => ({ error, value: undefined }),
      )
    let outcome = await Promise.race([ended, halted.promise])
    // A Ctrl-C may first end what the step was waiting for, and be told to us in the next turn.
    if (outcome && 'error' in outcome) await nextTurn()
    outcome ??= await withTimeout(patience, ended)
    const ms = Math.round(performance.now() - start)
    if (!outcome) tell({ type: 'stuck', ...about, ms })
    if (typeof outcome?.value === 'object' && outcome.value) results.set(step.task, outcome.value)
    const problem = halt ?? (outcome && 'error' in outcome ? outcome : undefined)
    // Steps come one after the other, so what travelled meanwhile is the step's own, or was begun for a later one.
    const traffic = since(scopes.traffic(), before)
    const timing: Timing = { ...about, ms, ...(traffic && { traffic }) }
    timings.push(timing)
    tell({ type: 'end', ...timing, ok: !problem && programExit(step.task, results) === 0 })
    if (problem) fail(problem.error, 'run', step)
    current = undefined
    return !problem
  }

  const undo = async (step: Step): Promise<void> => {
    const start = performance.now()
    const about = { type: 'undo', step: step.name, title: step.title } as const
    const ended = (state: 'done' | 'failed') => tell({ ...about, state, ms: Math.round(performance.now() - start) })
    current = step
    tell({ ...about, state: 'start' })
    starved = deferred()
    try {
      const undoing = hands(step, back).then(({ context, shell }) =>
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

  let ok = true
  for (const step of plan.steps) if (ok) ok = await perform(step)
  if (!ok && !dryRun) {
    phase = 'undo'
    forward.abort(halt?.error)
    const steps = begun.toReversed().filter(({ task }) => task.undo)
    if (steps.length > 0) await renderer.unwind(steps.map(({ name, title }) => ({ step: name, title })))
    for (const step of steps) await undo(step)
  }
  phase = 'close'
  for (const error of await scopes.close(grace)) fail(error, 'close')
  for (const forget of listening) forget()
  over.abort()

  if (ok) exit = exitOf(plan, results)
  const traffic = scopes.traffic()
  tell({
    type: 'result',
    command: plan.command,
    title: plan.title,
    ok: exit === 0,
    exitCode: exit,
    ms: Math.round(performance.now() - began),
    dryRun,
    undone: undone.map(({ title }) => title),
    left: left.map(({ title }) => title),
    ...(data !== undefined && { data }),
    ...(traffic && { traffic }),
    ...(setting.timings && { timings }),
  })
  await renderer.close()
  return exit
}

/** A program that had the terminal ends us with its own exit code. */
const exitOf = ({ steps }: Plan, results: ReadonlyMap<AnyTask, object>): number =>
  programExit(steps.at(-1)?.task, results)

function programExit(task: AnyTask | undefined, results: ReadonlyMap<AnyTask, object>): number {
  const result = task?.interactive ? results.get(task) : undefined
  return result && 'exitCode' in result && typeof result.exitCode === 'number' ? result.exitCode : 0
}
