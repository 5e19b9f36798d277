/** The program `task`: words in, exit code out. */
import { relative } from 'node:path'
import { type ReadTyped, readTyped } from './ask.ts'
import { type Capture, capture } from './capture.ts'
import { commandLine, type Globals, globalsOf, onlyFlagsOf, onlyGlobals } from './command-line.ts'
import type { Renderer, Report, RunEvent, Sinks } from './events.ts'
import { maskingInGithub, runnerListens } from './github-masks.ts'
import { commandText, listText } from './help.ts'
import { COMPLETION } from './names.ts'
import { type Plan, planOf } from './plan.ts'
import { type Redactor, redactor } from './redact.ts'
import { jsonRenderer } from './render-json.ts'
import { plainRenderer } from './render-plain.ts'
import { report } from './report.ts'
import type { Outside } from './run.ts'
import { runnerFaults } from './runner-faults.ts'
import { hideSecrets } from './secrets.ts'
import { nearest } from './suggest.ts'
import { findTaskfile, loadTaskfile, type Taskfile, version } from './taskfile.ts'
import { errorLines } from './words.ts'

/** Resolves to the exit code, when everything that was printed has been written. */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdout, stderr } = process
  // Who reads our output may leave, as `head` does. A deploy goes on to its end.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined)
  const exit = await answer(argv).catch((error: unknown) => {
    const words = report(error, { folder: process.cwd(), files: [] })
    if (argv.includes('--json')) stdout.write(failure(words))
    else stderr.write(`${errorLines({ type: 'error', during: 'run', ...words }, false).join('\n')}\n`)
    return words.exit
  })
  for (const stream of [stdout, stderr]) await new Promise<void>(resolve => stream.write('', () => resolve()))
  return exit
}

/** The events of a command that could not begin. */
const failure = (words: Report): string => events({ type: 'error', during: 'run', ...words }, words.exit)

/** What was asked for where no task ran, as its events. */
const answered = (text: string, data: unknown): string =>
  events({ type: 'show', text, ...(data !== undefined && { data }) }, 0, data)

function events(only: RunEvent, exit: number, data?: unknown): string {
  const lines: string[] = []
  const json = jsonRenderer({ out: text => lines.push(text), err: () => undefined })
  json.handle(only)
  json.handle({
    type: 'result',
    command: '',
    title: '',
    ok: exit === 0,
    exit,
    ms: 0,
    dryRun: false,
    undone: [],
    left: [],
    ...(data !== undefined && { data }),
  })
  return lines.join('')
}

async function answer(argv: readonly string[]): Promise<number> {
  if (argv[0] === COMPLETION && argv[1] === '--') return offer(argv.slice(2))
  const { globals, command } = globalsOf(argv)
  const said = (text: string, data?: unknown) => (globals.json ? answered(text, data) : `${text}\n`)
  const print = (text: string) => {
    process.stdout.write(said(text))
    return 0
  }
  if (command === undefined) onlyGlobals(argv)
  if (globals.version) return print(version())
  if (command === COMPLETION) {
    const { printScript } = await import('./completion-command.ts')
    printScript(argv, globals.help, print)
    return 0
  }
  const cwd = process.cwd()
  const file = findTaskfile(cwd, globals.taskfile)
  const plain = redactor()
  const captured = capture(process.stdout, process.stderr, plain)
  const hidden = runnerListens(process.env, process.stderr) ? maskingInGithub(plain, captured.err) : plain
  try {
    const taskfile = await loadTaskfile(file, process.env)
    const { commands } = taskfile
    await hideSecrets(taskfile, hidden)
    if (command === undefined) {
      const list = [...commands].map(([name, { title }]) => ({ name, title }))
      captured.out(said(listText(commands, relative(cwd, file)), list))
      return 0
    }
    const plan = planned(taskfile, command)
    if (!globals.help) return await perform(plan, argv, globals, taskfile, captured, hidden)
    onlyFlagsOf(argv, plan)
    captured.out(said(commandText(plan)))
    return 0
  } finally {
    captured.release()
  }
}

/** What the scripts of `task completion` ask. */
async function offer(words: readonly string[]): Promise<number> {
  const { printCandidates } = await import('./completion-command.ts')
  await printCandidates(words, async named => {
    const { commands } = await loadTaskfile(findTaskfile(process.cwd(), named), process.env)
    return commands
  })
  return 0
}

function planned({ commands }: Taskfile, command: string): Plan {
  const task = commands.get(command)
  if (!task)
    throw runnerFaults.UNKNOWN_TASK({ name: command, near: nearest(command, [...commands.keys(), COMPLETION]) })
  return planOf(command, task, commands)
}

async function perform(
  whole: Plan,
  argv: readonly string[],
  globals: Globals,
  { folder, files }: Taskfile,
  captured: Capture,
  hidden: Redactor,
): Promise<number> {
  const values = commandLine(argv, whole)
  const plan = { ...whole, steps: whole.steps.filter(({ task }) => task.when?.(values) !== false) }
  const last = plan.steps.at(-1)
  if (globals.json && last?.task.interactive) throw runnerFaults.INTERACTIVE_JSON({ title: last.title })
  const [{ run }, renderer] = await Promise.all([import('./run.ts'), rendererFor(plan, globals, captured)])
  const leave = async () => {
    await renderer.leave()
    captured.release()
  }
  return run({
    plan,
    values,
    source: { folder, files },
    dryRun: globals.dryRun,
    timings: globals.timings,
    redactor: hidden,
    renderer: { ...renderer, leave },
    outside: { ...outside, onLine: captured.onLine },
  })
}

/** Columns below which a tree is no tree. A terminal that does not know its width says 0. */
const NARROW = 40

/** A tree where a person watches; a dry run and `--verbose` are read line by line. */
async function rendererFor(plan: Plan, globals: Globals, sinks: Sinks): Promise<Renderer> {
  if (globals.json) return jsonRenderer(sinks)
  const { CI, NO_COLOR, TERM } = process.env
  const person = process.stdin.isTTY && process.stdout.isTTY && !CI
  const read: ReadTyped | undefined = person ? (echo, signal) => readTyped(process.stdin, echo, signal) : undefined
  const tree = process.stdout.isTTY && process.stdout.columns >= NARROW && !CI && !NO_COLOR && TERM !== 'dumb'
  if (!tree || globals.verbose || globals.dryRun)
    return plainRenderer(sinks, { verbose: globals.verbose || globals.dryRun, read })
  const { treeRenderer } = await import('./render-tree.ts')
  const steps = plan.steps.filter(({ task }) => !task.interactive).map(({ name, title }) => ({ step: name, title }))
  const terminal = Object.assign(Object.create(process.stdout), { write: writeTo(sinks) })
  return treeRenderer(sinks, { steps, terminal, read })
}

const writeTo = (sinks: Sinks) => (text: string) => {
  sinks.out(text)
  return true
}

const outside: Omit<Outside, 'onLine'> = {
  onSignal(listener) {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, listener)
    return () => {
      for (const signal of signals) process.off(signal, listener)
    }
  },
  onStray(listener) {
    // Without a listener of its own a rejection becomes an uncaught exception.
    process.on('uncaughtException', listener)
    return () => {
      // The run has ended and told how. What is left over, as a command that nobody waited for, cannot change that.
      process.off('uncaughtException', listener).on('uncaughtException', () => undefined)
    }
  },
  onStarved(listener) {
    process.on('beforeExit', listener)
    return () => process.off('beforeExit', listener)
  },
  exit: code => process.exit(code),
}
