/** Builds the context of a step: the common part, that of its scope, its arguments, and the results of the steps that it needs. */
import type { Renderer, RunEvent } from '../events.ts'
import type { Redactor } from '../secrets/redact.ts'
import type { Fleet, TaskContext } from '../task.ts'
import type { Results } from './fleet.ts'
import { type LocalShell, localShell } from './local-shell.ts'
import type { Step } from './plan.ts'
import type { Scopes } from './scopes.ts'

export interface StepContext {
  readonly context: object
  readonly shell: LocalShell
}

/** One of the runs of a step. */
export interface Lane {
  /** The host, if the step runs on several. */
  readonly host: string | undefined
  readonly fleet: Fleet
}

/** The events of a step that one of its runs emits. */
type OfStep = Extract<RunEvent, { type: 'output' | 'print' | 'note' | 'show' }>

export interface StepContextOptions {
  readonly folder: string
  readonly dryRun: boolean
  readonly redactor: Redactor
  readonly scopes: Scopes
  readonly values: Readonly<Record<string, unknown>>
  readonly results: Results
  /** Columns of the terminal; undefined without one. */
  readonly columns: number | undefined
  /** Makes text bold, if the terminal can. */
  readonly bold: ((text: string) => string) | undefined
  /** Aborted at the end of the run. */
  readonly over: AbortSignal
  confirm: ReturnType<typeof confirming>
  ask: ReturnType<typeof asking>
  emit(event: RunEvent): void
}

/** Asks for a line of text; undefined without an interactive terminal. One question at a time, as several hosts may have some. */
export function asking(renderer: Renderer, redactor: Redactor) {
  let last: Promise<unknown> = Promise.resolve()
  return (signal: AbortSignal) =>
    async (question: string): Promise<string | undefined> => {
      const answer = last.then(() => renderer.ask(redactor.text(question), signal))
      last = answer.catch(() => undefined)
      return answer
    }
}

/** Asks for confirmation; false without an interactive terminal. */
export const confirming =
  (ask: ReturnType<typeof asking>) =>
  (signal: AbortSignal) =>
  async (question: string): Promise<boolean> =>
    /^y(es)?$/i.test((await ask(signal)(`${question} [y/N]`)) ?? '')

/**
 * @param signal the signal of the step: undo steps have one of their own, because that of the run is aborted when they start
 * @param lane where the step runs
 */
export async function createStepContext(
  step: Step,
  signal: AbortSignal,
  lane: Lane,
  options: StepContextOptions,
): Promise<StepContext> {
  const { folder, dryRun, redactor, over } = options
  const emit = (event: OfStep) => options.emit({ ...event, ...(lane.host !== undefined && { host: lane.host }) })
  const of = (question: string) => (lane.host === undefined ? question : `${lane.host}: ${question}`)
  const log = (text: string) => {
    for (const line of redactor.text(text).split('\n')) emit({ type: 'output', step: step.name, line })
  }
  const shell = await localShell({ cwd: folder, signal, over, dryRun, redactor, log })
  const common: TaskContext = {
    $: shell.$,
    signal,
    dryRun,
    log,
    note: note => emit({ type: 'note', step: step.name, note }),
    show(text, data, { ofAll = false } = {}) {
      const fitted = typeof text === 'string' ? text : text(options.columns, options.bold ?? (text => text))
      ;(ofAll ? options.emit : emit)({ type: 'show', text: fitted, ...(data !== undefined && { data }) })
    },
    print: (line, options) => emit({ type: 'print', step: step.name, line, ...options }),
    terminal: step.interactive,
    confirm: question => options.confirm(signal)(of(question)),
    ask: question => options.ask(signal)(of(question)),
  }
  const opened = step.task.scope && (await options.scopes.open(step.task.scope))
  const given = (value: unknown) => (opened?.input ? opened.input(value, lane.fleet) : value)
  const context = { ...common, ...opened?.context(common, lane.fleet), ...inputsOf(step, lane, options, given) }
  return { context, shell }
}

/** The arguments of a step and of everything that it needs, and the results of the latter. */
function inputsOf(
  { task, reach }: Step,
  { host }: Lane,
  { values, results }: StepContextOptions,
  given: (value: unknown) => unknown,
): object {
  const context: Record<string, unknown> = {}
  for (const { args } of reach) for (const name of Object.keys(args)) context[name] = given(values[name])
  for (const need of reach) if (need !== task) Object.assign(context, results.of(need, host))
  return context
}
