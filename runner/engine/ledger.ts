/** What a run has done so far, for its result, its report, and those who are told about it. */
import type { RunEvent, Timing } from '../events.ts'
import type { Redactor } from '../secrets/redact.ts'
import type { EndedStep, RunOutcome, Traffic } from '../task.ts'
import { withoutSecrets } from './emit.ts'
import { report, type Source } from './error-report.ts'
import type { Plan, Step } from './plan.ts'

type Phase = 'run' | 'undo' | 'close'

/** A step that has ended. */
type Ended = Timing & Pick<EndedStep, 'ok'>

interface Place {
  readonly step?: Step | undefined
  readonly host?: string | undefined
}

export interface Ledger {
  phase: Phase
  /** The step that runs or is undone. */
  current: Step | undefined
  /** The steps that have begun, each with its hosts; undefined is a step that runs once. */
  readonly started: Map<Step, (string | undefined)[]>
  readonly undone: Step[]
  /** The titles of the steps whose undo failed. */
  readonly left: string[]
  /** The steps that have begun and can be undone, newest first. */
  undoable(): readonly Step[]
  emit(event: RunEvent): void
  ended(step: Ended): void
  /** The first error during the run is its result. */
  fail(error: unknown, during: Phase, place?: Place): void
  /** For the scopes. */
  outcome(ok: boolean): RunOutcome
  /** @param exit the exit code of a run that did not fail */
  result(ok: boolean, exit: number, traffic: Traffic | undefined): Extract<RunEvent, { type: 'result' }>
}

interface Setting {
  readonly plan: Plan
  readonly source: Source
  readonly dryRun: boolean
  readonly timings: boolean
  readonly destination?: string | undefined
  readonly redactor: Redactor
  names?(text: string): string
}

/** @param emit passes an event on to the renderer */
export function ledgerOf(
  { plan, source, dryRun, timings, destination, redactor, names }: Setting,
  emit: (event: RunEvent) => void,
): Ledger {
  const began = performance.now()
  const ended: Ended[] = []
  /** What the steps have said, by their names; not what their undo says. */
  const notes = new Map<string, string>()
  let data: unknown
  /** By host, if each has its own. */
  const dataOf: Record<string, unknown> = {}
  let problem: { readonly code: string; readonly message: string; readonly exitCode: number } | undefined
  const ms = () => Math.round(performance.now() - began)
  /** A text as the renderer shows it. */
  const clean = { text: (text: string) => redactor.text(names?.(text) ?? text) }
  const ledger: Ledger = {
    phase: 'run',
    current: undefined,
    started: new Map(),
    undone: [],
    left: [],
    undoable: () => [...ledger.started.keys()].toReversed().filter(({ task }) => task.undo),
    emit(event) {
      if (event.type === 'show' && event.data !== undefined) {
        if (event.host !== undefined) dataOf[event.host] = event.data
        else data = event.data
      }
      if (event.type === 'note' && ledger.phase === 'run') notes.set(event.step, event.note)
      emit(event)
    },
    ended(step) {
      ended.push(step)
      ledger.emit({ type: 'end', ...step })
    },
    fail(error, during, { step, host } = {}) {
      const reported = report(error, source)
      const { code, exitCode } = reported
      if (during === 'run') problem ??= { code, exitCode, message: clean.text(reported.message) }
      const place = { ...(step && { step: step.name }), ...(host !== undefined && { host }) }
      ledger.emit({ type: 'error', during, ...place, ...reported })
    },
    outcome(ok) {
      const steps = ended.map(({ step, title, ok, ms }) =>
        withoutSecrets({ title, ok, ms, note: notes.get(step) }, clean),
      )
      const error = problem && { code: problem.code, message: problem.message }
      return { ok, undone: ledger.undone.map(({ task }) => task), ms: ms(), error, steps }
    },
    result(ok, exit, traffic) {
      const exitCode = ok ? exit : (problem?.exitCode ?? 1)
      const shown = Object.keys(dataOf).length > 0 ? { hosts: dataOf } : data
      return {
        type: 'result',
        command: plan.command,
        title: plan.title,
        ok: exitCode === 0,
        exitCode,
        ms: ms(),
        dryRun,
        ...(destination !== undefined && { destination }),
        undone: ledger.undone.map(({ title }) => title),
        left: [...ledger.left],
        ...(shown !== undefined && { data: shown }),
        ...(traffic && { traffic }),
        ...(timings && { timings: ended.map(({ ok, ...timing }) => timing) }),
      }
    },
  }
  return ledger
}
