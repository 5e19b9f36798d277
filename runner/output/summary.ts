/** What the plain and the tree renderer keep: results and errors for the end, and the last lines of each step in case it fails. */
import type { RunEvent } from '../events.ts'

export interface Summary {
  /** Printed on stdout at the end. */
  readonly shown: string[]
  /** Printed on stderr after that. */
  readonly errors: string[]
  output(event: Extract<RunEvent, { type: 'output' }>): void
  /** The last lines of the step that failed, without those that the error contains itself. */
  tailOf(error: Extract<RunEvent, { type: 'error' }>): readonly string[]
  /** Drops all lines, because the undo of a step starts without output. */
  forget(): void
}

const TAIL = 20

const keyOf = (step: string, host = '') => `${step} ${host}`

export function createSummary(): Summary {
  const tails = new Map<string, string[]>()
  return {
    shown: [],
    errors: [],
    output({ step, host, line }) {
      const key = keyOf(step, host)
      tails.set(key, [...(tails.get(key) ?? []), line].slice(-TAIL))
    },
    tailOf({ code, step = '', host, detail = '' }) {
      const told = new Set(detail.split('\n').map(line => line.trim()))
      const tail = code === 'COMMAND_FAILED' ? [] : (tails.get(keyOf(step, host)) ?? [])
      return tail.filter(line => !told.has(line.trim())).map(line => `  | ${line}`)
    },
    forget: () => tails.clear(),
  }
}
