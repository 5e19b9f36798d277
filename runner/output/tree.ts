/**
 * The tree with timers and the last line of output, for terminals. The only file that imports Listr2, which is used only to draw: its tasks wait for the
 * events of the engine.
 */
import {
  Listr,
  ListrLogger,
  ListrPromptAdapter,
  ListrTaskEventType,
  type ListrTaskWrapper,
  PRESET_TIMER,
  ProcessOutput,
} from 'listr2'
import type { Renderer, RunEvent, Sinks } from '../events.ts'
import { deferred } from '../promises.ts'
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
import type { ReadTyped } from './prompt.ts'
import { createSummary } from './summary.ts'

interface Leaf {
  readonly step: string
  readonly title: string
}

export interface TreeOptions {
  /** The steps to draw: all except an interactive one. */
  readonly steps: readonly Leaf[]
  /** The terminal, whose `write` is not captured. */
  readonly terminal: NodeJS.WriteStream
  /** Reads an answer; undefined without an interactive terminal. */
  readonly read: ReadTyped | undefined
  /** Columns of the terminal. */
  readonly columns: number | undefined
}

/** Hosts that are shown below a running step. */
const MOST_HOSTS = 8

const SHOW_CURSOR = '\x1b[?25h'

export function treeRenderer(sinks: Sinks, options: TreeOptions): Renderer {
  const { read } = options
  const summary = createSummary()
  let tree = drawTree(options.steps, options.terminal, true)
  /** Whether a step has the terminal. */
  let left = false
  const end = async () => {
    tree.cut()
    await tree.done
  }

  const handle = (event: RunEvent): void => {
    switch (event.type) {
      case 'host':
        tree.host(event.step, event.host, event.state === 'start')
        break
      case 'output':
        summary.output(event)
        tree.output(event.step, event.line, event.host)
        break
      case 'print':
        if (left) {
          sinks[event.to === 'stderr' ? 'err' : 'out'](`${printedLine(event)}\n`)
          break
        }
        summary.shown.push(printedLine(event))
        tree.output(event.step, event.line, event.host)
        break
      case 'note':
        tree.note(event.step, event.note)
        break
      case 'end':
        tree.end(event.step, event.ok)
        break
      case 'undo':
        if (event.state !== 'start') tree.end(event.step, event.state === 'done')
        break
      case 'interrupt':
        tree.output(event.step, interruptLine(event))
        break
      case 'stuck':
        summary.errors.push(stuckLine(event))
        break
      case 'abandon':
        sinks.err(`${SHOW_CURSOR}\n${abandonLines(event).join('\n')}\n`)
        break
      case 'show':
        summary.shown.push(event.text)
        break
      case 'error':
        summary.errors.push(...summary.tailOf(event), ...errorLines(event, false))
        break
      case 'result':
        summary.shown.push(...timingLines(event, options.columns))
        if (!event.ok) summary.errors.push(...leftLines(event), resultLine(event))
    }
  }

  return {
    columns: options.columns,
    handle,
    async unwind(steps) {
      await end()
      summary.forget()
      const leaves = steps.map(({ step, title }) => ({ step, title: `Undo: ${title}` }))
      tree = drawTree(leaves, options.terminal, false)
    },
    async leave() {
      left = true
      await end()
    },
    ask: async (question, signal) => read && tree.ask(question, echo => read(echo, signal)),
    async close() {
      await end()
      if (summary.shown.length > 0) sinks.out(`${options.steps.length > 0 ? '\n' : ''}${summary.shown.join('\n')}\n`)
      if (summary.errors.length > 0) sinks.err(`\n${summary.errors.join('\n')}\n`)
    },
  }
}

type Typing = (echo: (typed: string) => void) => Promise<string | undefined>

interface Tree {
  /** Without `step`: the current one. */
  output(step: string | undefined, line: string, host?: string): void
  /** A host begins or ends its part of a step. */
  host(step: string, host: string, works: boolean): void
  note(step: string, note: string): void
  end(step: string, ok: boolean): void
  ask(question: string, read: Typing): Promise<string | undefined>
  /** Ends all steps that have not ended. */
  cut(): void
  readonly done: Promise<unknown>
}

function drawTree(leaves: readonly Leaf[], terminal: NodeJS.WriteStream, stopAtError: boolean): Tree {
  type Wrapper = ListrTaskWrapper<object, never, never>
  const drawn = new Map(
    leaves.map(({ step, title }) => [
      step,
      {
        title,
        note: '',
        line: '',
        hosts: new Map<string, string>(),
        open: true,
        wrapper: undefined as Wrapper | undefined,
        started: deferred(),
        ended: deferred<boolean>(),
      },
    ]),
  )
  const width = Math.max(20, (terminal.columns ?? 80) - 8)
  /** The hosts that still work, each with its last line, then the last line of the step itself. */
  const below = ({ line, hosts }: { readonly line: string; readonly hosts: ReadonlyMap<string, string> }): string => {
    const lines = [...hosts].map(([host, line]) => (line === '' ? host : outputLine({ host, line })))
    const more = lines.length - MOST_HOSTS
    const shown = more > 1 ? [...lines.slice(0, MOST_HOSTS), `and ${more} more hosts`] : lines
    return [...shown, ...(line === '' ? [] : [line])].map(line => line.slice(0, width)).join('\n')
  }
  const first = () => [...drawn.values()].find(({ open }) => open)
  // Listr replaces `write` of this object while it draws, and not that of the real terminal.
  const stream = Object.assign(Object.create(terminal), {
    columns: terminal.columns,
    rows: terminal.rows,
    isTTY: true,
    write: terminal.write.bind(terminal),
  })
  const list = new Listr<object>(
    [...drawn.values()].map(leaf => ({
      title: leaf.title,
      task: async (_: object, wrapper: unknown) => {
        const own = wrapper as Wrapper
        leaf.wrapper = own
        if (below(leaf) !== '') own.output = below(leaf)
        leaf.started.resolve()
        const ok = await ticking(leaf.ended.promise, time => {
          own.title = `${leaf.title}  ${time}`
          if (leaf.hosts.size > 0) own.output = below(leaf)
        })
        own.title = leaf.note === '' ? leaf.title : `${leaf.title}  ${leaf.note}`
        if (!ok) throw new Error(leaf.title)
      },
    })),
    {
      concurrent: false,
      exitOnError: stopAtError,
      registerSignalListeners: false,
      renderer: 'default',
      fallbackRendererCondition: false,
      silentRendererCondition: false,
      rendererOptions: {
        timer: PRESET_TIMER,
        showErrorMessage: false,
        collapseErrors: false,
        logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(stream, stream) }),
      },
    },
  )
  const done = leaves.length === 0 ? Promise.resolve() : list.run().catch(() => undefined)
  return {
    done,
    output(step, line, host) {
      const leaf = step === undefined ? first() : drawn.get(step)
      if (!leaf) return
      if (host !== undefined && leaf.hosts.has(host)) leaf.hosts.set(host, line)
      else leaf.line = outputLine({ ...(host !== undefined && { host }), line })
      if (leaf.wrapper) leaf.wrapper.output = below(leaf)
    },
    host(step, host, works) {
      const leaf = drawn.get(step)
      // A step that is quick on all of them shows none.
      if (works) leaf?.hosts.set(host, '')
      else leaf?.hosts.delete(host)
      if (!works && leaf?.wrapper?.output && leaf.hosts.size > 0) leaf.wrapper.output = below(leaf)
    },
    note(step, note) {
      const leaf = drawn.get(step)
      if (leaf) leaf.note = note
    },
    end(step, ok) {
      const leaf = drawn.get(step)
      if (!leaf) return
      leaf.open = false
      leaf.ended.resolve(ok)
    },
    async ask(question, read) {
      const leaf = first()
      await leaf?.started.promise
      return leaf?.wrapper?.prompt(Typed).run<string | undefined>(question, read)
    },
    cut() {
      for (const leaf of drawn.values()) leaf.ended.resolve(false)
    },
  }
}

/** Calls `show` with the elapsed time each second: Listr shows the duration of a task only when it has ended. */
async function ticking<T>(promise: Promise<T>, show: (time: string) => void): Promise<T> {
  const start = performance.now()
  const timer = setInterval(() => show(duration(performance.now() - start)), 1000)
  return promise.finally(() => clearInterval(timer))
}

/** A question below the tree; Listr requires a class. */
class Typed extends ListrPromptAdapter {
  override async run<T>(question: string, read: (echo: (typed: string) => void) => Promise<T>): Promise<T> {
    this.reportStarted()
    const below = this.wrapper.stdout(ListrTaskEventType.PROMPT)
    const draw = (typed: string) => below.write(`${question} ${typed}`)
    draw('')
    try {
      return await read(draw)
    } finally {
      this.reportCompleted()
    }
  }
}
