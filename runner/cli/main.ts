/** The program `task`: words in, exit code out. */
import { readFileSync, writeSync } from 'node:fs'
import { relative } from 'node:path'
import { whatIsLost, whenCutShort } from '../engine/ending.ts'
import { report } from '../engine/error-report.ts'
import { type Plan, planOf } from '../engine/plan.ts'
import type { ProcessHooks } from '../engine/run.ts'
import type { Renderer, Report, RunEvent, Sinks } from '../events.ts'
import { runnerFaults } from '../faults.ts'
import { type Capture, capture } from '../output/capture.ts'
import { errorLines } from '../output/format.ts'
import { jsonRenderer } from '../output/json.ts'
import { plainRenderer } from '../output/plain.ts'
import { forPeople, visible } from '../output/plain-text.ts'
import { type ReadTyped, readTyped } from '../output/prompt.ts'
import { hideSecrets, scopesOf } from '../secrets/collect.ts'
import { maskingInGithub, runnerListens } from '../secrets/github-masks.ts'
import { type Redactor, redactor } from '../secrets/redact.ts'
import { findTaskfile, loadTaskfile, type Taskfile, version } from '../taskfile/load.ts'
import { exportLine, type Naming, namingOf, programWords } from './command-names.ts'
import { COMPLETION, kebab } from './commands-of.ts'
import {
  commandAfterHelp,
  commandLine,
  type Globals,
  globalsOf,
  onlyFlagsOf,
  onlyGlobals,
  taskfileIn,
} from './flags.ts'
import { commandText, listText } from './help.ts'
import { nearest } from './suggest.ts'

/** Resolves to the exit code, when everything that was printed has been written. */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdout, stderr } = process
  const lost = [stdout, stderr].map(whatIsLost)
  let began = false
  const write = (fd: 1 | 2, text: string) => void [stdout, stderr][fd - 1]?.write(text)
  const cutShort = whenCutShort(fault => {
    // A Tab says nothing of what goes wrong.
    return asksForTab(argv) ? fault.exitCode : told(fault, argv, { began, write: writeNow })
  })
  const exit = await answer(argv, () => {
    began = true
  }).catch((error: unknown) => told(error, argv, { began, write }))
  // It is told how this ended. What is left over, such as a timer of the Taskfile's, cannot change that any more.
  process.on('uncaughtException', () => undefined)
  const [unsaid] = await Promise.all(lost.map(waiting => waiting()))
  cutShort.settled()
  if (!unsaid || exit !== 0) return exit
  const fault = runnerFaults.OUTPUT_LOST({ why: unsaid.code === 'EPIPE' ? 'its reader has left' : unsaid.message })
  // Who reads a list through `head` has seen enough; of a run, how it ended is worth a word.
  return unsaid.code === 'EPIPE' && !began ? fault.exitCode : told(fault, [], { began: true, write: writeNow })
}

/** What the scripts of `task completion` ask when Tab is pressed. */
const asksForTab = (argv: readonly string[]): boolean => argv[0] === COMPLETION && argv[1] === '--'

/** Where no later turn comes to write in. */
function writeNow(fd: 1 | 2, text: string): void {
  try {
    writeSync(fd, text)
  } catch {
    // Nobody is there to read it.
  }
}

/** Writes an error that no run has told, to the file descriptor where it belongs. Returns its exit code. */
function told(
  error: unknown,
  argv: readonly string[],
  { began, write }: { readonly began: boolean; write(fd: 1 | 2, text: string): void },
): number {
  const plain = report(error, { folder: '.', files: [] })
  const names = namingOf({ ...BARE, program: programWords(taskfileIn(argv)) })
  const words = { ...plain, message: names(plain.message), next: names(plain.hint) }
  // Before a task runs nothing was contacted, whatever it was that went wrong.
  const exit = began || words.exitCode !== 1 ? words.exitCode : 2
  if (argv.includes('--json')) write(1, failure({ ...words, exitCode: exit }))
  else write(2, `${visible(errorLines({ type: 'error', during: 'run', ...words }, false).join('\n'))}\n`)
  return exit
}

/** For what names the commands of the Taskfile already. */
const BARE: Omit<Naming, 'program'> = { commands: new Map(), scope: undefined, source: '' }

/** The events of a command that could not begin. */
const failure = (words: Report): string => events({ type: 'error', during: 'run', ...words }, words.exitCode)

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
    exitCode: exit,
    ms: 0,
    dryRun: false,
    undone: [],
    left: [],
    ...(data !== undefined && { data }),
  })
  return lines.join('')
}

/** @param begin called before a task runs: until then nothing was contacted */
async function answer(argv: readonly string[], begin: () => void): Promise<number> {
  if (asksForTab(argv)) return offer(argv.slice(2))
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
  const cwd = workingFolder()
  const file = findTaskfile(cwd, globals.taskfile)
  const plain = redactor()
  const captured = capture(process.stdout, process.stderr, plain)
  const hidden = runnerListens(process.env, process.stderr) ? maskingInGithub(plain, captured.err) : plain
  try {
    const taskfile = await loadTaskfile(file, process.env)
    const { commands } = taskfile
    await hideSecrets(taskfile, hidden)
    const columns = globals.json ? undefined : terminalColumns()
    const program = namingOf({ ...BARE, program: programWords(globals.taskfile) })
    const list = () => {
      const data = [...commands].map(([name, { title }]) => ({ name, title }))
      captured.out(said(program(listText(commands, relative(cwd, file), columns)), data))
      return 0
    }
    const explain = (name: string) => {
      const plan = planned(taskfile, name)
      onlyFlagsOf(argv, plan)
      captured.out(said(program(commandText(plan, columns))))
      return 0
    }
    if (command === undefined) return list()
    if (command === HELP && !commands.has(HELP)) {
      const about = commandAfterHelp(argv)
      return about === undefined ? list() : explain(about)
    }
    if (globals.help) return explain(command)
    const plan = planned(taskfile, command)
    return await perform(plan, argv, globals, { taskfile, captured, hidden, begin })
  } finally {
    captured.release()
  }
}

/** What a person types who does not know yet that it is `--help`. A Taskfile may have a task of that name. */
const HELP = 'help'

/** Where we are; also a folder that somebody has removed meanwhile is an answer. */
function workingFolder(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw runnerFaults.FOLDER_GONE(undefined, error)
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

function planned({ commands, file }: Taskfile, command: string): Plan {
  const task = commands.get(command)
  if (task) return planOf(command, task, commands)
  const offered = [...scopesOf(commands.values())].flatMap(scope => Object.entries(scope.tasks?.() ?? {}))
  const [name, meant] = offered.find(([one]) => one === command || kebab(one) === command) ?? []
  const other = [...commands].find(([, one]) => one === meant)?.[0]
  const line = name && other === undefined ? exportLine(name, readFileSync(file, 'utf8')) : undefined
  const near = other ?? nearest(command, [...commands.keys(), COMPLETION])
  throw runnerFaults.UNKNOWN_TASK({ name: command, near, line })
}

interface Ground {
  readonly taskfile: Taskfile
  readonly captured: Capture
  readonly hidden: Redactor
  begin(): void
}

async function perform(
  whole: Plan,
  argv: readonly string[],
  globals: Globals,
  { taskfile: { file, folder, files, commands }, captured, hidden, begin }: Ground,
): Promise<number> {
  const values = commandLine(argv, whole)
  const plan = { ...whole, steps: whole.steps.filter(({ task }) => task.when?.(values) !== false) }
  const last = plan.steps.at(-1)
  if (globals.json && last?.task.interactive) throw runnerFaults.INTERACTIVE_JSON({ title: last.title })
  const [{ run }, renderer] = await Promise.all([import('../engine/run.ts'), rendererFor(plan, globals, captured)])
  const leave = async () => {
    await renderer.leave()
    captured.release()
  }
  begin()
  return run({
    plan,
    values,
    source: { folder, files },
    dryRun: globals.dryRun,
    timings: globals.timings,
    redactor: hidden,
    renderer: { ...renderer, leave },
    names: namingOf({
      program: programWords(globals.taskfile),
      commands,
      scope: [...scopesOf([plan.task])].find(scope => scope.tasks),
      source: readFileSync(file, 'utf8'),
    }),
    outside: { ...outside, onLine: captured.onLine },
  })
}

/** A terminal that does not know its width says 0. */
const terminalColumns = (): number | undefined => (process.stdout.isTTY && process.stdout.columns) || undefined

/** The least columns of a terminal for the tree. */
const NARROW = 40

/** The tree on an interactive terminal; plain lines elsewhere, in a dry run and with `--verbose`. */
async function rendererFor(plan: Plan, globals: Globals, sinks: Sinks): Promise<Renderer> {
  if (globals.json) return jsonRenderer(sinks)
  const { CI, NO_COLOR, TERM } = process.env
  const person = process.stdin.isTTY && process.stdout.isTTY && !CI
  const read: ReadTyped | undefined = person ? (echo, signal) => readTyped(process.stdin, echo, signal) : undefined
  const columns = terminalColumns()
  const tree = process.stdout.isTTY && process.stdout.columns >= NARROW && !CI && !NO_COLOR && TERM !== 'dumb'
  if (!tree || globals.verbose || globals.dryRun)
    return forPeople(plainRenderer(sinks, { verbose: globals.verbose || globals.dryRun, read, columns }))
  const { treeRenderer } = await import('../output/tree.ts')
  const steps = plan.steps.filter(({ task }) => !task.interactive).map(({ name, title }) => ({ step: name, title }))
  const terminal = Object.assign(Object.create(process.stdout), { write: writeTo(sinks) })
  return forPeople(treeRenderer(sinks, { steps, terminal, read, columns }))
}

const writeTo = (sinks: Sinks) => (text: string) => {
  sinks.out(text)
  return true
}

const outside: Omit<ProcessHooks, 'onLine'> = {
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
      // The result has been reported. A rejection that comes later, as of a command that nobody waited for, must not change the exit code.
      process.off('uncaughtException', listener).on('uncaughtException', () => undefined)
    }
  },
  onStarved(listener) {
    process.on('beforeExit', listener)
    return () => process.off('beforeExit', listener)
  },
  exit: code => process.exit(code),
}
