/**
 * Plain lines, for pipes, logs and `--verbose`. Progress goes to stdout, so that `npx task deploy > log` writes the log of a deploy; errors go to stderr.
 */

import type { Renderer, RunEvent, Sinks } from '../events.ts'
import { duration } from '../units.ts'
import {
  abandonLines,
  errorLines,
  interruptLine,
  leftLines,
  outputLine,
  printedLine,
  resultLine,
  stuckLine,
  timingLines,
} from './format.ts'
import { askOn, type ReadTyped } from './prompt.ts'
import { createSummary } from './summary.ts'

export function plainRenderer(
  sinks: Sinks,
  options: {
    /** All output of all steps. */
    readonly verbose: boolean
    /** Reads an answer; undefined without an interactive terminal. */
    readonly read: ReadTyped | undefined
    /** Columns of the terminal; undefined without one. */
    readonly columns?: number | undefined
  },
): Renderer {
  const notes = new Map<string, string>()
  const summary = createSummary()
  const out = (...lines: readonly string[]) => sinks.out(lines.map(line => `${line}\n`).join(''))
  const err = (...lines: readonly string[]) => sinks.err(lines.map(line => `${line}\n`).join(''))

  const noteOf = (step: string) => (notes.has(step) ? `  ${notes.get(step)}` : '')

  const handle = (event: RunEvent): void => {
    switch (event.type) {
      case 'start':
        out(`> ${event.title}`)
        break
      case 'output':
        if (options.verbose || event.step === '') out(`  | ${outputLine(event)}`)
        else summary.output(event)
        break
      case 'print':
        ;(event.to === 'stderr' ? err : out)(printedLine(event))
        break
      case 'note':
        notes.set(event.step, event.note)
        break
      case 'end':
        out(`${event.ok ? 'ok' : 'failed'}: ${event.title}${noteOf(event.step)} (${duration(event.ms)})`)
        break
      case 'undo':
        if (event.state === 'start') {
          // The note of the step does not apply to its undo.
          notes.delete(event.step)
          out(`< undo: ${event.title}`)
        } else {
          const state = event.state === 'done' ? 'undone' : 'not undone'
          out(`${state}: ${event.title}${noteOf(event.step)} (${duration(event.ms ?? 0)})`)
        }
        break
      case 'interrupt':
        err(interruptLine(event))
        break
      case 'stuck':
        err(stuckLine(event))
        break
      case 'abandon':
        err(...abandonLines(event))
        break
      case 'show':
        summary.shown.push(event.text)
        break
      case 'error':
        out(...summary.tailOf(event))
        summary.errors.push(...errorLines(event, options.verbose))
        break
      case 'result':
        out(resultLine(event), ...timingLines(event, options.columns))
        summary.errors.push(...leftLines(event))
    }
  }

  return {
    columns: options.columns,
    handle,
    unwind: async () => summary.forget(),
    leave: async () => undefined,
    ask: (question, signal) => askOn(sinks.out, question, options.read, signal),
    async close() {
      out(...summary.shown)
      err(...summary.errors)
    },
  }
}
