/** The command line of the program `task`. */
import { readFileSync, writeSync } from 'node:fs'
import { relative } from 'node:path'
import { assertDestination, changes, chooseDestination } from '../destination.ts'
import { guardExit, trackWrites } from '../engine/ending.ts'
import { report, type Source } from '../engine/error-report.ts'
import { type Plan, planOf } from '../engine/plan.ts'
import type { ProcessHooks } from '../engine/stops.ts'
import type { Renderer, Report, RunEvent, Sinks } from '../events.ts'
import { runnerFaults } from '../faults.ts'
import { assertHosts, chooseHosts, limitOf } from '../hosts.ts'
import { type Capture, capture } from '../output/capture.ts'
import { errorLines } from '../output/format.ts'
import { jsonRenderer } from '../output/json.ts'
import { plainRenderer } from '../output/plain.ts'
import { forPeople, visible } from '../output/plain-text.ts'
import { type ReadTyped, readTyped } from '../output/prompt.ts'
import { streamRenderer } from '../output/stream.ts'
import { rehearsal } from '../rehearsal.ts'
import { hideSecrets, scopesOf } from '../secrets/collect.ts'
import { maskingInGithub, runnerListens } from '../secrets/github-masks.ts'
import { type Redactor, redactor } from '../secrets/redact.ts'
import type { AnyTask, ScopeDestination } from '../task.ts'
import { findTaskfile, loadTaskfile, nearestTaskfile, type Taskfile, version } from '../taskfile/load.ts'
import { exportLine, type Naming, namingOf, programText } from './command-names.ts'
import { COMPLETION, type Commands, kebab, type OwnCommands } from './commands-of.ts'
import { commandAfterHelp, commandLine, type Globals, globalsOf, onlyFlagsOf, onlyGlobals, valueIn } from './flags.ts'
import { commandText, listText, ownListText } from './help.ts'
import { nearest } from './suggest.ts'

/** Runs a command line. Resolves to the exit code when all output has been written. */
export async function main(argv: readonly string[], own: OwnCommands = {}): Promise<number> {
  const { stdout, stderr } = process
  const flushes = [stdout, stderr].map(trackWrites)
  let began = false
  let streams = false
  const write = (fd: 1 | 2, text: string) => void [stdout, stderr][fd - 1]?.write(text)
  const exitGuard = guardExit(fault => {
    // A completion prints no errors.
    return isCompletion(argv) ? fault.exitCode : reportError(fault, argv, { began, write: writeNow })
  })
  const exit = await execute(argv, own, plan => {
    began = true
    streams = streaming(plan)
  }).catch((error: unknown) => reportError(error, argv, { began, write }))
  // The result has been reported; a later error, such as in a timer of the Taskfile, must not change the exit code any more.
  process.on('uncaughtException', () => undefined)
  const [lost] = await Promise.all(flushes.map(flush => flush()))
  exitGuard.settled()
  if (!lost || exit !== 0) return exit
  const fault = runnerFaults.OUTPUT_LOST({ why: lost.code === 'EPIPE' ? 'its reader has closed it' : lost.message })
  // A closed pipe is reported only for a run with progress: the reader of a list or of a log, such as `head`, may close it early.
  return lost.code === 'EPIPE' && (!began || streams)
    ? fault.exitCode
    : reportError(fault, [], { began: true, write: writeNow })
}

/** Whether this is the command that the completion scripts run. */
const isCompletion = (argv: readonly string[]): boolean => argv[0] === COMPLETION && argv[1] === '--'

/** Writes synchronously, because the event loop has ended. */
function writeNow(fd: 1 | 2, text: string): void {
  try {
    writeSync(fd, text)
  } catch {
    // The reader has closed it.
  }
}

/** Writes an error that no run has reported: to stdout with `--json`, else to stderr. Returns its exit code. */
function reportError(
  error: unknown,
  argv: readonly string[],
  { began, write }: { readonly began: boolean; write(fd: 1 | 2, text: string): void },
): number {
  const plain = report(error, { folder: '.', files: [] })
  const names = namingOf({
    ...BARE,
    program: programText({ taskfile: valueIn(argv, 'taskfile'), destination: valueIn(argv, 'destination') }),
  })
  const named = { ...plain, message: names(plain.message), hint: names(plain.hint) }
  // Exit code 2 means that nothing was contacted, which holds for every error before a task runs.
  const exit = began || named.exitCode !== 1 ? named.exitCode : 2
  if (wantsJson(argv)) write(1, failureEvents({ ...named, exitCode: exit }))
  else write(2, `${visible(errorLines({ type: 'error', during: 'run', ...named }, false).join('\n'))}\n`)
  return exit
}

/** Whether --json was given, even if the rest of the command line is invalid; after `--` it belongs to another program. */
const wantsJson = (argv: readonly string[]): boolean =>
  argv.slice(0, (argv.indexOf('--') + 1 || Infinity) - 1).includes('--json')

/** For texts that already use the names of the Taskfile. */
const BARE: Omit<Naming, 'program'> = { commands: new Map(), scope: undefined, source: '' }

/** The JSON events of a command that could not start. */
const failureEvents = (error: Report): string => events({ type: 'error', during: 'run', ...error }, error.exitCode)

/** The JSON events of a command that runs no task, such as help. */
const textEvents = (text: string, data: unknown): string =>
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
async function execute(argv: readonly string[], own: OwnCommands, begin: (plan: Plan) => void): Promise<number> {
  if (isCompletion(argv)) return complete(argv.slice(2), own)
  const { globals, command } = globalsOf(argv)
  const output = (text: string, data?: unknown) => (globals.json ? textEvents(text, data) : `${text}\n`)
  const print = (text: string) => {
    process.stdout.write(output(text))
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
  const named = command === HELP ? commandAfterHelp(argv) : command
  if (named !== undefined && Object.hasOwn(own, named)) {
    const plan = planOf(named, (await own[named]?.()) as AnyTask)
    if (globals.help || command === HELP) {
      onlyFlagsOf(argv, plan)
      return print(commandText(plan, globals.json ? undefined : terminalColumns()))
    }
    const hidden = redactor()
    const captured = capture(process.stdout, process.stderr, hidden)
    try {
      return await perform(plan, argv, globals, { source: { folder: cwd, files: [] }, captured, hidden, begin })
    } finally {
      captured.release()
    }
  }
  const asked = named === undefined && (globals.help || command === HELP)
  if (asked && globals.taskfile === undefined && nearestTaskfile(cwd) === undefined) {
    const commands = await loaded(own)
    const data = [...commands].map(([name, { title }]) => ({ name, title }))
    process.stdout.write(output(ownListText(commands, globals.json ? undefined : terminalColumns()), data))
    return 0
  }
  const file = findTaskfile(cwd, globals.taskfile)
  chooseDestination(globals.destination, process.env)
  const plain = redactor()
  const captured = capture(process.stdout, process.stderr, plain)
  const hidden = runnerListens(process.env, process.stderr) ? maskingInGithub(plain, captured.err) : plain
  try {
    const taskfile = await loadTaskfile(file, process.env)
    const { commands } = taskfile
    await hideSecrets(taskfile, hidden)
    const columns = globals.json ? undefined : terminalColumns()
    const program = namingOf({ ...BARE, program: programText(globals) })
    const list = () => {
      const data = [...commands].map(([name, { title }]) => ({ name, title }))
      captured.out(output(program(listText(commands, relative(cwd, file), columns)), data))
      return 0
    }
    const explain = (name: string) => {
      const plan = planned(taskfile, name)
      onlyFlagsOf(argv, plan)
      captured.out(output(program(commandText(plan, columns))))
      return 0
    }
    if (command === undefined) return list()
    if (command === HELP && !commands.has(HELP)) {
      const name = commandAfterHelp(argv)
      return name === undefined ? list() : explain(name)
    }
    if (globals.help) return explain(command)
    assertNotInTwoWords(taskfile, command, commandAfterHelp(argv))
    const plan = planned(taskfile, command, hasTerminal() && !globals.json)
    const names = namingOf({
      program: programText(globals),
      commands,
      scope: [...scopesOf([plan.task])].find(scope => scope.tasks),
      source: readFileSync(file, 'utf8'),
    })
    return await perform(plan, argv, globals, { source: taskfile, names, captured, hidden, begin })
  } finally {
    captured.release()
  }
}

const loaded = async (own: OwnCommands): Promise<Commands> =>
  new Map(await Promise.all(Object.entries(own).map(async ([name, load]) => [name, await load()] as const)))

/** `task help deploy` is the same as `task deploy --help`, unless the Taskfile has a task of that name. */
const HELP = 'help'

/** @throws FOLDER_GONE if the working folder was removed */
function workingFolder(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw runnerFaults.FOLDER_GONE(undefined, error)
  }
}

/** Prints the candidates for the completion scripts. */
async function complete(words: readonly string[], own: OwnCommands): Promise<number> {
  const { printCandidates } = await import('./completion-command.ts')
  await printCandidates(words, own, async ({ taskfile: named, destination }) => {
    chooseDestination(destination, process.env)
    const { commands } = await loadTaskfile(findTaskfile(process.cwd(), named), process.env)
    return commands
  })
  return 0
}

/** Other tools have commands of two words, such as `env push`. @throws UNKNOWN_TASK */
function assertNotInTwoWords({ commands }: Taskfile, command: string, next: string | undefined): void {
  if (commands.has(command) || next === undefined) return
  const near = `${command}-${next}`
  const standard = [...scopesOf(commands.values())].flatMap(scope => Object.keys(scope.tasks?.() ?? {}).map(kebab))
  if (commands.has(near) || standard.includes(near))
    throw runnerFaults.UNKNOWN_TASK({ name: `${command} ${next}`, near, line: undefined })
}

function planned({ commands, file }: Taskfile, command: string, terminal = false): Plan {
  const task = commands.get(command)
  if (task) return planOf(command, task, commands, terminal)
  const standard = [...scopesOf(commands.values())].flatMap(scope => Object.entries(scope.tasks?.() ?? {}))
  const [name, meant] = standard.find(([key]) => key === command || kebab(key) === command) ?? []
  // A rehearsal takes the standard commands that a Taskfile does not export as well.
  if (name !== undefined && meant && rehearsal()) return planOf(name, meant, commands, terminal)
  const other = [...commands].find(([, exported]) => exported === meant)?.[0]
  for (const scope of scopesOf(commands.values())) {
    const refusal = scope.absent?.(command)
    if (refusal) throw refusal
  }
  const line = name && other === undefined ? exportLine(name, readFileSync(file, 'utf8')) : undefined
  const near = other ?? nearest(command, [...commands.keys(), COMPLETION])
  throw runnerFaults.UNKNOWN_TASK({ name: command, near, line })
}

interface PerformDeps {
  readonly source: Source
  names?(text: string): string
  readonly captured: Capture
  readonly hidden: Redactor
  begin(plan: Plan): void
}

async function perform(
  whole: Plan,
  argv: readonly string[],
  globals: Globals,
  { source: { folder, files }, names, captured, hidden, begin }: PerformDeps,
): Promise<number> {
  const values = commandLine(argv, whole)
  const plan = { ...whole, steps: whole.steps.filter(({ task }) => task.when?.(values, { folder }) !== false) }
  const scopes = scopesOf(plan.steps.map(({ task }) => task))
  const destinations = assertDestination(scopes, plan.command)
  // A task may have arguments of these names.
  const flag = (name: 'host' | 'without' | 'role' | 'limit') => (plan.args.has(name) ? undefined : globals[name])
  chooseHosts({ host: flag('host'), role: flag('role'), without: flag('without') })
  assertHosts(scopes)
  const limit = limitOf({ limit: flag('limit'), serial: !plan.args.has('serial') && globals.serial })
  const last = plan.steps.at(-1)
  if (globals.json && last?.interactive) throw runnerFaults.INTERACTIVE_JSON({ title: last.title })
  const [{ run }, renderer] = await Promise.all([import('../engine/run.ts'), rendererFor(plan, globals, captured)])
  const leave = async () => {
    await renderer.leave()
    captured.release()
  }
  begin(plan)
  return run({
    plan,
    values,
    source: { folder, files },
    dryRun: globals.dryRun,
    timings: globals.timings,
    limit,
    destination: destinations[0]?.name,
    admit: confirm => admitted(plan, values, destinations, { ...globals, confirm }),
    redactor: hidden,
    renderer: { ...renderer, leave },
    ...(names && { names }),
    hooks: { ...(streaming(plan) ? streamHooks : processHooks), onLine: captured.onLine },
  })
}

/**
 * Asks before a command changes a destination that has to be confirmed.
 *
 * @throws DESTINATION_NOT_CONFIRMED
 */
async function admitted(
  { command, steps }: Plan,
  values: Readonly<Record<string, unknown>>,
  destinations: readonly ScopeDestination[],
  { yes, dryRun, confirm }: Pick<Globals, 'yes' | 'dryRun'> & { confirm(question: string): Promise<boolean> },
): Promise<void> {
  if (yes || dryRun || !steps.some(({ task }) => changes(task, values))) return
  for (const { name = '', host, confirm: asks } of destinations)
    if (asks && !(await confirm(`\`${command}\` changes ${name} (${host}). Continue?`)))
      throw runnerFaults.DESTINATION_NOT_CONFIRMED({ command, name, host })
}

/** Whether standard output gets only what the last step prints. */
const streaming = ({ steps }: Plan): boolean => {
  const last = steps.at(-1)
  return last?.task.streams === true && !last.interactive
}

/** Whether somebody types our input and sees our output. */
const hasTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY

/** Undefined without a terminal, or if its width is unknown, which it reports as 0. */
const terminalColumns = (): number | undefined => (process.stdout.isTTY && process.stdout.columns) || undefined

/** Minimum columns of a terminal for the tree renderer. */
const TREE_COLUMNS = 40

/**
 * The tree on an interactive terminal; plain lines elsewhere, in a dry run and with `--verbose`. For a step that streams its lines alone, except in a dry
 * run and with `--verbose`.
 */
async function rendererFor(plan: Plan, globals: Globals, sinks: Sinks): Promise<Renderer> {
  if (globals.json) return jsonRenderer(sinks)
  const { CI, NO_COLOR, TERM } = process.env
  const interactive = hasTerminal() && !CI
  const read: ReadTyped | undefined = interactive ? (echo, signal) => readTyped(process.stdin, echo, signal) : undefined
  const columns = terminalColumns()
  const colours = process.stdout.isTTY && !CI && !NO_COLOR && TERM !== 'dumb'
  const tree = colours && process.stdout.columns >= TREE_COLUMNS
  /** A dry run shows what it would run, unless it says so in sentences. */
  const raw = globals.dryRun && plan.task.tells !== true
  if (streaming(plan) && !globals.verbose && !globals.dryRun)
    return forPeople(streamRenderer(sinks, { colours, read, columns }), colours)
  if (!tree || globals.verbose || globals.dryRun)
    return forPeople(plainRenderer(sinks, { verbose: globals.verbose || raw, read, columns }), colours)
  const { treeRenderer } = await import('../output/tree.ts')
  const steps = plan.steps.filter(step => !step.interactive).map(({ name, title }) => ({ step: name, title }))
  const terminal = Object.assign(Object.create(process.stdout), { write: writeTo(sinks) })
  return forPeople(treeRenderer(sinks, { steps, terminal, read, columns }), colours)
}

const writeTo = (sinks: Sinks) => (text: string) => {
  sinks.out(text)
  return true
}

const processHooks: Omit<ProcessHooks, 'onLine'> = {
  onSignal(listener) {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, listener)
    return () => {
      for (const signal of signals) process.off(signal, listener)
    }
  },
  onStray(listener) {
    // Without an `unhandledRejection` listener, a rejection becomes an uncaught exception.
    process.on('uncaughtException', listener)
    return () => {
      // The result has been reported. A later rejection, such as of a command that nobody awaited, must not change the exit code.
      process.off('uncaughtException', listener).on('uncaughtException', () => undefined)
    }
  },
  onStarved(listener) {
    process.on('beforeExit', listener)
    return () => process.off('beforeExit', listener)
  },
  exit: code => process.exit(code),
}

/** A step that streams ends when the reader of its output, such as `head`, has closed it. */
const streamHooks: typeof processHooks = {
  ...processHooks,
  onSignal(listener) {
    const unlisten = processHooks.onSignal(listener)
    const onError = ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE') listener('SIGPIPE')
    }
    process.stdout.once('error', onError)
    return () => {
      unlisten()
      process.stdout.off('error', onError)
    }
  },
}
