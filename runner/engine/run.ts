/**
 * The engine: runs the steps of a plan in order, passes each the results of the steps that it needs, and undoes them, newest first, if one fails or the
 * run is interrupted.
 */

import type { Renderer } from '../events.ts'

import type { Redactor } from '../secrets/redact.ts'
import { redactingEmitter, withoutSecrets } from './emit.ts'
import type { Source } from './error-report.ts'
import { resultsOf } from './fleet.ts'
import { ledgerOf } from './ledger.ts'
import type { Plan } from './plan.ts'
import { scopesOf } from './scopes.ts'
import { asking, confirming, createStepContext } from './step-context.ts'
import { type Course, perform, programExit, undo } from './steps.ts'
import { type ProcessHooks, stopsOf } from './stops.ts'

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

const GRACE = 10_000

/** Runs a plan; the renderer gets an event for everything that happens. Resolves to the exit code when all is undone and closed. */
export async function run(setting: Run): Promise<number> {
  const { plan, values, source, dryRun, redactor, renderer, hooks, limit, grace = GRACE } = setting
  const ledger = ledgerOf(setting, redactingEmitter(renderer, redactor, setting.names))
  const stops = stopsOf(hooks, ledger, grace)
  const { folder } = source
  const ask = asking(renderer, redactor)
  const confirm = confirming(ask)
  const scopes = scopesOf({
    command: plan.command,
    signal: stops.forward,
    dryRun,
    tasks: plan.steps.map(({ task }) => task),
    values,
    folder,
    hide: redactor.hide,
    redact: data => withoutSecrets(data, redactor),
    confirm: confirm(stops.forward),
  })
  const results = resultsOf()
  const ofSteps = {
    folder,
    dryRun,
    redactor,
    scopes,
    values,
    results,
    columns: renderer.columns,
    bold: renderer.bold,
    over: stops.over,
  }
  const course: Course = {
    ledger,
    stops,
    scopes,
    results,
    renderer,
    limit,
    contextFor: (step, signal, lane, emit) => createStepContext(step, signal, lane, { ...ofSteps, confirm, ask, emit }),
  }

  const admitted = async (): Promise<boolean> => {
    try {
      await setting.admit?.(confirm(stops.forward))
      stops.forward.throwIfAborted()
      return true
    } catch (error) {
      ledger.fail(stops.halt?.error ?? error, 'run')
      return false
    }
  }

  let ok = await admitted()
  for (const step of plan.steps) if (ok) ok = await perform(course, step)
  if (!ok && !dryRun) {
    ledger.phase = 'undo'
    stops.turnBack()
    const steps = ledger.undoable()
    if (steps.length > 0) await renderer.unwind(steps.map(({ name, title }) => ({ step: name, title })))
    for (const step of steps) await undo(course, step)
  }
  if (!dryRun) for (const text of await scopes.ended(ledger.outcome(ok))) ledger.emit({ type: 'show', text })
  ledger.phase = 'close'
  for (const error of await scopes.close(grace)) ledger.fail(error, 'close')
  stops.close()
  // The exit code of a last step that is interactive or streams becomes that of the run.
  const result = ledger.result(ok, programExit(plan.steps.at(-1), results), scopes.traffic())
  ledger.emit(result)
  await renderer.close()
  return result.exitCode
}
