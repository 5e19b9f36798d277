/** Builds the context that a step's `run` receives: the kit, its scope's part, its arguments, and the results of the steps that it needs. */
import type { Renderer, RunEvent } from '../events.ts'
import type { Redactor } from '../secrets/redact.ts'
import type { AnyTask, TaskContext } from '../task.ts'
import { type LocalShell, localShell } from './local-shell.ts'
import type { Step } from './plan.ts'
import type { Scopes } from './scopes.ts'

export interface StepContext {
  readonly context: object
  readonly shell: LocalShell
}

export interface StepContextOptions {
  readonly folder: string
  readonly dryRun: boolean
  readonly redactor: Redactor
  readonly scopes: Scopes
  readonly values: Readonly<Record<string, unknown>>
  readonly results: ReadonlyMap<AnyTask, object>
  /** Of the terminal, for what has to fit. */
  readonly columns: number | undefined
  /** Tells that the run is over. */
  readonly over: AbortSignal
  confirm: ReturnType<typeof confirming>
  tell(event: RunEvent): void
}

/** Asks for confirmation; false when nobody can be asked. */
export const confirming =
  (renderer: Renderer, redactor: Redactor) =>
  (signal: AbortSignal) =>
  async (question: string): Promise<boolean> =>
    /^y(es)?$/i.test((await renderer.ask(redactor.text(question), signal)) ?? '')

/** @param signal the step's own: an undo step starts when that of the run has been aborted */
export async function createStepContext(
  step: Step,
  signal: AbortSignal,
  options: StepContextOptions,
): Promise<StepContext> {
  const { folder, dryRun, redactor, over, tell } = options
  const log = (text: string) => {
    for (const line of redactor.text(text).split('\n')) tell({ type: 'output', step: step.name, line })
  }
  const shell = await localShell({ cwd: folder, signal, over, dryRun, redactor, log })
  const kit: TaskContext = {
    $: shell.$,
    signal,
    dryRun,
    log,
    note: note => tell({ type: 'note', step: step.name, note }),
    show(text, data) {
      const made = typeof text === 'string' ? text : text(options.columns)
      tell({ type: 'show', text: made, ...(data !== undefined && { data }) })
    },
    confirm: options.confirm(signal),
  }
  const opened = step.task.scope && (await options.scopes.open(step.task.scope))
  return { context: { ...kit, ...opened?.context(kit), ...given(step, options) }, shell }
}

/** The arguments of a step and of what it needs, near or far, and what those have returned. */
function given({ task, reach }: Step, { values, results }: StepContextOptions): object {
  const context: Record<string, unknown> = {}
  for (const { args } of reach) for (const name of Object.keys(args)) context[name] = values[name]
  for (const one of reach) if (one !== task) Object.assign(context, results.get(one))
  return context
}
