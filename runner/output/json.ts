/** `--json`: one event a line on stdout, and nothing else there. Never asks a question. */
import type { Renderer, Sinks } from '../events.ts'
import { UNSEEN } from './plain-text.ts'

export function jsonRenderer(sinks: Sinks, now: () => Date = () => new Date()): Renderer {
  return {
    handle({ type, ...event }) {
      // A program has the code, and needs no pointer. JSON escapes only the control characters of ASCII, and the output may go to a terminal.
      const line = JSON.stringify({ type, at: now().toISOString(), ...event, explained: undefined })
      sinks.out(`${line.replace(UNSEEN, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`)
    },
    unwind: async () => undefined,
    leave: async () => undefined,
    ask: async () => undefined,
    close: async () => undefined,
  }
}
