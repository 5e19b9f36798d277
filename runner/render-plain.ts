/**
 * Plain lines, for pipes, logs and `--verbose`. Progress goes to standard output, so that `npx task deploy > log` is the
 * log of a deploy; errors go to standard error.
 */
import type { Renderer, RunEvent, Sinks } from './events.ts'
import { abandonLines, duration, errorLines, interruptLine, leftLines, resultLine, timingLines } from './words.ts'

/** How much of a failed step's output is shown. */
const TAIL = 20

export function plainRenderer(
  sinks: Sinks,
  options: {
    /** All output of all steps. */
    readonly verbose: boolean
    /** Reads what a person types; missing where there is none. */
    readonly read: ((echo: (typed: string) => void) => Promise<string | undefined>) | undefined
  },
): Renderer {
  const notes = new Map<string, string>()
  const tails = new Map<string, string[]>()
  const shown: string[] = []
  const errors: string[] = []
  const out = (...lines: readonly string[]) => sinks.out(lines.map(line => `${line}\n`).join(''))
  const err = (...lines: readonly string[]) => sinks.err(lines.map(line => `${line}\n`).join(''))

  const handle = (event: RunEvent): void => {
    switch (event.type) {
      case 'start':
        return out(`> ${event.title}`)
      case 'output': {
        if (options.verbose || event.step === '') return out(`  | ${event.line}`)
        tails.set(event.step, [...(tails.get(event.step) ?? []), event.line].slice(-TAIL))
        return
      }
      case 'note':
        notes.set(event.step, event.note)
        return
      case 'end': {
        const note = notes.get(event.step)
        const remark = note === undefined ? '' : `  ${note}`
        return out(`${event.ok ? 'ok' : 'failed'}: ${event.title}${remark} (${duration(event.ms)})`)
      }
      case 'undo': {
        if (event.state === 'start') return out(`< undo: ${event.title}`)
        return out(`${event.state === 'done' ? 'undone' : 'not undone'}: ${event.title} (${duration(event.ms ?? 0)})`)
      }
      case 'interrupt':
        return err(interruptLine(event))
      case 'stuck':
        return err(`\`${event.title}\` did not stop within ${duration(event.ms)}; going on without it.`)
      case 'abandon':
        return err(...abandonLines(event))
      case 'show':
        shown.push(event.text)
        return
      case 'error':
        if (event.code !== 'COMMAND_FAILED') out(...(tails.get(event.step ?? '') ?? []).map(line => `  | ${line}`))
        errors.push(...errorLines(event, options.verbose))
        return
      case 'result':
        out(resultLine(event), ...timingLines(event))
        errors.push(...leftLines(event))
    }
  }

  return {
    handle,
    unwind: async () => tails.clear(),
    leave: async () => undefined,
    async ask(question) {
      if (!options.read) return undefined
      const last = `${question.split('\n').at(-1)} [y/N] `
      sinks.out(`${question} [y/N] `)
      const answer = await options.read(typed => sinks.out(`\r${last}${typed} \b`))
      sinks.out('\n')
      return answer
    },
    async close() {
      if (shown.length > 0) out(...shown)
      if (errors.length > 0) err(...errors)
    },
  }
}
