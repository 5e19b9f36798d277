/** What a run tells, in order. `--json` prints each as a line; the other renderers make it readable. */
import type { Traffic } from './task.ts'

/** What went wrong, in words. Made from anything that was thrown. */
export interface Report {
  readonly code: string
  readonly exitCode: number
  /** One line of cause. */
  readonly message: string
  /** One line of what to do. */
  readonly hint: string
  readonly detail?: string
  /** Where in the Taskfile: `Taskfile.ts:12:5`. */
  readonly at?: string
  /** The command that failed, exactly as its shell got it. */
  readonly command?: string
  /** Missing for errors of the catalogue: those say all there is to say. */
  readonly stack?: string
}

/** How long a step took, in milliseconds, and what travelled while it ran; that is missing where nothing can travel. */
export interface Timing {
  readonly step: string
  readonly title: string
  readonly ms: number
  readonly traffic?: Traffic
}

export type RunEvent =
  | { readonly type: 'start'; readonly step: string; readonly title: string }
  /** `step` is empty for what was printed when no step ran. */
  | { readonly type: 'output'; readonly step: string; readonly line: string }
  | { readonly type: 'note'; readonly step: string; readonly note: string }
  /** A step ended. `note` is its last remark. */
  | ({ readonly type: 'end'; readonly ok: boolean; readonly note?: string } & Timing)
  /** `during` tells whether the run failed, or taking it back, or closing what it had opened. */
  | ({ readonly type: 'error'; readonly step?: string; readonly during: 'run' | 'undo' | 'close' } & Report)
  | {
      readonly type: 'undo'
      readonly step: string
      readonly title: string
      readonly state: 'start' | 'done' | 'failed'
      readonly ms?: number
    }
  /** The first Ctrl-C: `step` is being stopped, and then what was done is undone. */
  | { readonly type: 'interrupt'; readonly signal: string; readonly step?: string; readonly title?: string }
  /** A step did not stop when it was told to. */
  | { readonly type: 'stuck'; readonly step: string; readonly title: string; readonly ms: number }
  /** The second Ctrl-C: the program ends now. `left` are the titles of what was not undone, newest first. */
  | { readonly type: 'abandon'; readonly signal: string; readonly left: readonly string[] }
  | { readonly type: 'show'; readonly text: string; readonly data?: unknown }
  /** The last event. `data` is what the last `show` gave. `left` are the titles of steps whose undo failed. */
  | {
      readonly type: 'result'
      readonly command: string
      readonly title: string
      readonly ok: boolean
      readonly exitCode: number
      readonly ms: number
      readonly dryRun: boolean
      readonly undone: readonly string[]
      readonly left: readonly string[]
      readonly data?: unknown
      /** Of the whole run, taking back and closing included. */
      readonly traffic?: Traffic
      readonly timings?: readonly Timing[]
    }

/** A way to show a run. It gets no secret: what it is handed has been through the redactor. */
export interface Renderer {
  /** Of the terminal that it draws on; undefined where there is none. */
  readonly columns?: number | undefined
  handle(event: RunEvent): void
  /** Called before steps are undone, in this order. Resolves when what comes next stands below what was shown. */
  unwind(steps: readonly { readonly step: string; readonly title: string }[]): Promise<void>
  /** Leaves the terminal to an interactive step. Nothing is drawn over it afterwards. */
  leave(): Promise<void>
  /** Asks a person; undefined where there is none, or when the signal comes first. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>
  /** Shows what was kept for the end. */
  close(): Promise<void>
}

/** Where a renderer writes. */
export interface Sinks {
  out(text: string): void
  err(text: string): void
}
