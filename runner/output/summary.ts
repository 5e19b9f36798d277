/** What the plain and the tree renderer keep: results and errors for the end, and the last lines of each step in case it fails. */
import type { RunEvent } from '../events.ts'

export interface Summary {
  /** Printed on stdout at the end. */
  readonly shown: string[]
  /** Printed on stderr after that. */
  readonly errors: string[]
  output(step: string, line: string): void
  /** The last lines of the step that failed; empty if the error contains them itself. */
  tailOf(error: Extract<RunEvent, { type: 'error' }>): readonly string[]
  /** Drops all lines, because the undo of a step starts without output. */
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
