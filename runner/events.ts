/** The events of a run, in order. `--json` prints each as a line; the other renderers make them readable. */
import type { Traffic } from './task.ts'

/** A readable error, made from anything that was thrown. */
export interface Report {
  readonly code: string
  readonly exitCode: number
  /** What happened, in one line. */
  readonly message: string
  /** What to do next, in one line. */
  readonly hint: string
  readonly detail?: string
  /** The place in the Taskfile: `Taskfile.ts:12:5`. */
  readonly at?: string
  /** The shell command that failed, verbatim. */
  readonly command?: string
  /** Set if `npx task explain` tells more; not in `--json`. */
  readonly explained?: true
  /** Missing for errors of the catalogue, whose message is enough. */
  readonly stack?: string
}

/** How long a step took, in milliseconds, and its network traffic; that is missing without a connection. */
export interface Timing {
  readonly step: string
  readonly title: string
  readonly ms: number
  readonly traffic?: Traffic
}

/** Where it happened, if the step ran on several hosts. */
interface OnHost {
  readonly host?: string
}

export type RunEvent =
  | { readonly type: 'start'; readonly step: string; readonly title: string }
  /** A step that runs on several hosts begins or ends on one of them. `ms`: how long it took there. */
  | {
      readonly type: 'host'
      readonly step: string
      readonly host: string
      readonly state: 'start' | 'done' | 'failed'
      readonly ms?: number
    }
  /** `step` is empty for output outside of steps. */
  | ({ readonly type: 'output'; readonly step: string; readonly line: string } & OnHost)
  /** A line of the result, of a step that streams. */
  | ({
      readonly type: 'print'
      readonly step: string
      readonly line: string
      readonly label?: string
      readonly to?: 'stdout' | 'stderr'
      readonly data?: unknown
    } & OnHost)
  /** The last one of a step that ran on several hosts has no `host`, and is for all of them. */
  | ({ readonly type: 'note'; readonly step: string; readonly note: string } & OnHost)
  /** A step ended. `note` is its last remark. */
  | ({ readonly type: 'end'; readonly ok: boolean; readonly note?: string } & Timing)
  /** `during`: whether the run, an undo step or closing a scope failed. */
  | ({ readonly type: 'error'; readonly step?: string; readonly during: 'run' | 'undo' | 'close' } & OnHost & Report)
  | {
      readonly type: 'undo'
      readonly step: string
      readonly title: string
      readonly state: 'start' | 'done' | 'failed'
      readonly ms?: number
    }
  /** The first Ctrl-C: `step` is being stopped, then the steps before it are undone. */
  | { readonly type: 'interrupt'; readonly signal: string; readonly step?: string; readonly title?: string }
  /** A step did not stop within its grace period. */
  | { readonly type: 'stuck'; readonly step: string; readonly title: string; readonly ms: number }
  /** The second Ctrl-C: the program ends now. `left`: the titles of the steps that were not undone, newest first. */
  | { readonly type: 'abandon'; readonly signal: string; readonly left: readonly string[] }
  | ({ readonly type: 'show'; readonly text: string; readonly data?: unknown } & OnHost)
  /** The last event. `data`: that of the last `show` that had some. `left`: the titles of steps whose undo failed. */
  | {
      readonly type: 'result'
      readonly command: string
      readonly title: string
      readonly ok: boolean
      readonly exitCode: number
      readonly ms: number
      readonly dryRun: boolean
      /** Where to, if the Taskfile has destinations. */
      readonly destination?: string
      readonly undone: readonly string[]
      readonly left: readonly string[]
      readonly data?: unknown
      /** Of the whole run, including undo steps and closing. */
      readonly traffic?: Traffic
      readonly timings?: readonly Timing[]
    }

/** Shows a run. It gets no secrets: all events have passed the redactor. */
export interface Renderer {
  /** Columns of the terminal; undefined without one. */
  readonly columns?: number | undefined
  /** Makes text bold. Returns the same text without a terminal with colours. */
  readonly bold?: ((text: string) => string) | undefined
  handle(event: RunEvent): void
  /** Called before these steps are undone, in this order. Resolves when the next output appears below the previous one. */
  unwind(steps: readonly { readonly step: string; readonly title: string }[]): Promise<void>
  /** Leaves the terminal to an interactive step; nothing is drawn from then on, and what that step prints appears at once. */
  leave(): Promise<void>
  /** Asks a question; undefined without an interactive terminal, or if the signal is aborted first. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>
  /** Shows the results and errors that were kept for the end. */
  close(): Promise<void>
}

/** The output streams of a renderer. */
export interface Sinks {
  out(text: string): void
  err(text: string): void
}
