/** What stops a run: a signal, an error that nobody awaits, or a wait for nothing. */
import { setMaxListeners } from 'node:events'
import { runnerFaults } from '../faults.ts'
import { deferred } from '../promises.ts'
import type { Ledger } from './ledger.ts'

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

/** Milliseconds; the grace period for an empty event loop, when only abort handlers can still make progress. */
const STARVED_GRACE = 1_000

export interface Stops {
  /** The signal of the steps. */
  readonly forward: AbortSignal
  /** That of the undo steps, because that of the run is aborted when they start. */
  readonly back: AbortSignal
  /** Aborted at the end. */
  readonly over: AbortSignal
  /** Why the run has to stop, once it has. */
  readonly halt: { readonly error: unknown } | undefined
  /** Resolves when the run has to stop. */
  readonly halted: Promise<void>
  /** Milliseconds that a step may take to stop. */
  readonly patience: number
  /** Rejects if the undo step that begins now waits for nothing. */
  starved(): Promise<never>
  /** Nothing more runs forward. */
  turnBack(): void
  /** Ends listening. */
  close(): void
}

/** @param grace milliseconds that a step may take to stop */
export function stopsOf(hooks: ProcessHooks, ledger: Ledger, grace: number): Stops {
  const forward = new AbortController()
  const back = new AbortController()
  const over = new AbortController()
  // Each command adds a listener, and a step may run many at a time.
  setMaxListeners(0, forward.signal, back.signal, over.signal)
  const halted = deferred()
  let halt: Stops['halt']
  let patience = grace
  let interrupted = false
  let starved = deferred<never>()
  const stop = (error: unknown) => {
    halt = { error }
    forward.abort(error)
    halted.resolve()
  }
  const interrupt = (signal: string) => {
    const { phase, current, undone } = ledger
    // A program that has the terminal handles Ctrl-C itself.
    if (phase === 'run' && signal === 'SIGINT' && current?.interactive) return
    if (interrupted) {
      const pending = ledger.undoable().filter(step => !undone.includes(step))
      ledger.emit({ type: 'abandon', signal, left: pending.map(({ title }) => title) })
      forward.abort()
      back.abort()
      return hooks.exit(130)
    }
    interrupted = true
    const now = phase === 'run' && current ? { step: current.name, title: current.title } : {}
    ledger.emit({ type: 'interrupt', signal, ...now })
    if (phase === 'run') stop(runnerFaults.INTERRUPTED({ signal }))
  }
  const starve = () => {
    const { phase, current } = ledger
    const error = runnerFaults.WAITS_FOR_NOTHING({ doing: current ? `\`${current.title}\`` : 'The run' })
    if (phase === 'undo') return starved.reject(error)
    if (phase === 'close' || halt) return
    patience = Math.min(grace, STARVED_GRACE)
    stop(error)
  }
  const listening = [
    hooks.onSignal(interrupt),
    hooks.onStray(error => {
      if (ledger.phase === 'run' && !halt) stop(error)
      else ledger.fail(error, 'undo', { step: ledger.current })
    }),
    hooks.onStarved(starve),
    hooks.onLine(line => ledger.emit({ type: 'output', step: ledger.current?.name ?? '', line })),
  ]
  return {
    forward: forward.signal,
    back: back.signal,
    over: over.signal,
    get halt() {
      return halt
    },
    halted: halted.promise,
    get patience() {
      return patience
    },
    starved() {
      starved = deferred()
      return starved.promise
    },
    turnBack: () => forward.abort(halt?.error),
    close() {
      for (const unlisten of listening) unlisten()
      over.abort()
    },
  }
}
