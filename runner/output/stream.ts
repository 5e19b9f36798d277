/**
 * The lines that a step prints, and nothing else on standard output: `npx task logs | grep 500` sees only the log. Errors and questions go to standard
 * error. After Ctrl-C it is silent, because that is how one ends a log that is being followed.
 */
import type { Renderer, RunEvent, Sinks } from '../events.ts'
import { abandonLines, errorLines, leftLines, printedLine, stuckLine, timingLines } from './format.ts'
import { askOn, type ReadTyped } from './prompt.ts'

interface StreamOptions {
  /** Colours the labels. */
  readonly colours: boolean
  /** Reads an answer; undefined without an interactive terminal. */
  readonly read: ReadTyped | undefined
  /** Columns of the terminal; undefined without one. */
  readonly columns?: number | undefined
}

export function streamRenderer(sinks: Sinks, { colours, read, columns }: StreamOptions): Renderer {
  const tint = colours ? tints() : (label: string) => label
  const err = (...lines: readonly string[]) => sinks.err(lines.map(line => `${line}\n`).join(''))
  const handle = (event: RunEvent): void => {
    switch (event.type) {
      case 'print': {
        const { label, ...rest } = event
        const text = printedLine(label === undefined ? rest : { ...rest, label: tint(label) })
        ;(event.to === 'stderr' ? sinks.err : sinks.out)(`${text}\n`)
        break
      }
      case 'show':
        sinks.out(`${event.text}\n`)
        break
      case 'output':
        // Printed by code of the Taskfile outside of a step.
        if (event.step === '') err(event.line)
        break
      case 'stuck':
        err(stuckLine(event))
        break
      case 'abandon':
        err(...abandonLines(event))
        break
      case 'error':
        if (event.exitCode !== INTERRUPTED) err(...errorLines(event, false))
        break
      case 'result':
        err(...timingLines(event, columns), ...leftLines(event))
    }
  }
  return {
    columns,
    handle,
    unwind: async () => undefined,
    leave: async () => undefined,
    ask: (question, signal) => askOn(sinks.err, question, read, signal),
    close: async () => undefined,
  }
}

const INTERRUPTED = 130

/** Codes of SGR, ECMA-48. */
const COLOURS = { blue: 34, green: 32, yellow: 33, magenta: 35, cyan: 36, red: 31 } as const

const isColour = (name: string): name is keyof typeof COLOURS => Object.hasOwn(COLOURS, name)

/** A function that gives each label a colour: that of its name, such as blue, else the next one. */
function tints(): (label: string) => string {
  const others = Object.values(COLOURS)
  const chosen = new Map<string, number>()
  return label => {
    const name = label.trim()
    const code = isColour(name) ? COLOURS[name] : (chosen.get(name) ?? others[chosen.size % others.length] ?? 0)
    if (!isColour(name)) chosen.set(name, code)
    return `\x1b[${code}m${label}\x1b[0m`
  }
}
