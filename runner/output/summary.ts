/** What the renderers for people keep: results and errors for the end, and the last lines of each step in case it fails. */
import type { RunEvent } from '../events.ts'

export interface Summary {
  /** Printed on standard output when all is over. */
  readonly shown: string[]
  /** Printed on standard error after that. */
  readonly errors: string[]
  output(step: string, line: string): void
  /** The last lines of the step that failed; none when the error shows them by itself. */
  tailOf(error: Extract<RunEvent, { type: 'error' }>): readonly string[]
  /** A step that is undone starts with no output. */
  forget(): void
}

const TAIL = 20

export function createSummary(): Summary {
  const tails = new Map<string, string[]>()
  return {
    shown: [],
    errors: [],
    output: (step, line) => void tails.set(step, [...(tails.get(step) ?? []), line].slice(-TAIL)),
    tailOf({ code, step = '' }) {
      const tail = code === 'COMMAND_FAILED' ? [] : (tails.get(step) ?? [])
      return tail.map(line => `  | ${line}`)
    },
    forget: () => tails.clear(),
  }
}
