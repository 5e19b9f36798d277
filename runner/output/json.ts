/** `--json`: one event a line on standard output, and nothing else there. Nobody is asked anything. */
import type { Renderer, Sinks } from '../events.ts'
import { UNSEEN } from './plain-text.ts'

export function jsonRenderer(sinks: Sinks, now: () => Date = () => new Date()): Renderer {
  return {
    handle({ type, ...event }) {
      // JSON itself escapes the controls of ASCII alone, and a person may read this in a terminal.
      const line = JSON.stringify({ type, at: now().toISOString(), ...event })
      sinks.out(`${line.replace(UNSEEN, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`)
    },
    unwind: async () => undefined,
    leave: async () => undefined,
    ask: async () => undefined,
    close: async () => undefined,
  }
}
