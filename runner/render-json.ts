/** `--json`: one event a line on standard output, and nothing else there. Nobody is asked anything. */
import type { Renderer, Sinks } from './events.ts'

export function jsonRenderer(sinks: Sinks, now: () => Date = () => new Date()): Renderer {
  return {
    handle({ type, ...event }) {
      sinks.out(`${JSON.stringify({ type, at: now().toISOString(), ...event })}\n`)
    },
    unwind: async () => undefined,
    leave: async () => undefined,
    ask: async () => undefined,
    close: async () => undefined,
  }
}
