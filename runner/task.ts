/**
 * Tasks: a title, the tasks that it needs, what it does, how it is undone.
 *
 * The result of a task is in the context of the tasks that need it, and the types check that: using `artifact` without needing `build` does not compile.
 */
import type { ProcessPromise, Options as ZxOptions } from 'zx/core'
import type { Fault } from './fault.ts'
import {
  call,
  checked,
  either,
  expecting,
  fields,
  flag,
  list,
  oneOf,
  optional,
  record,
  text,
  thing,
} from './taskfile/shape.ts'

/** zx's `$`, local or remote: a template whose values are quoted; called with options it returns another such shell. */
export interface Shell {
  (pieces: TemplateStringsArray, ...values: unknown[]): ProcessPromise
  (options: ShellOptions): Shell
}
export type ShellOptions = Partial<
  Pick<ZxOptions, 'cwd' | 'env' | 'nothrow' | 'timeout' | 'timeoutSignal' | 'input' | 'quiet' | 'signal'>
>

/** The part of the context that every task has. The runner creates one for each step. */
export interface TaskContext {
  /** zx on this machine; a dry run prints the command instead of running it. */
  readonly $: Shell
  /** Aborted by Ctrl-C and by the failure of the run. That of an undo step is aborted only by a second Ctrl-C. */
  readonly signal: AbortSignal
  readonly dryRun: boolean
  /** Prints a line of output. The tree shows only the last line of a step; `--verbose` shows all. */
  log(line: string): void
  /** Sets the note that is shown after the step's title when it has ended: `Ask nginx which slot is live  blue`. */
  note(note: string): void
  /**
   * Shows a result: `text` after the tree, `data` in the result event of `--json`. A function returns the text; it gets the columns of the terminal, undefined
   * without one, and a function that makes text bold if the terminal can.
   *
   * @param options `ofAll`: with several hosts, it is the same for all of them. Otherwise each host has its own, and a text without data that is the same
   *   everywhere is shown once
   */
  show(
    text: string | ((columns: number | undefined, bold: (text: string) => string) => string),
    data?: unknown,
    options?: { readonly ofAll?: boolean },
  ): void
  /**
   * Prints a line of the result at once, such as a line of a log: on standard output, in the event `print` of `--json`. Use it in a task that `streams`.
   *
   * @example print('Listening on 4000', { label: 'blue', data: { slot: 'blue' } })
   */
  print(line: string, options?: PrintOptions): void
  /** Whether the step has the terminal, as an interactive one: its program may ask, draw and read keys. */
  readonly terminal: boolean
  /** Asks a yes-or-no question; `false` without an interactive terminal. */
  confirm(question: string): Promise<boolean>
  /** Asks for a line of text; undefined without an interactive terminal. */
  ask(question: string): Promise<string | undefined>
}

export interface PrintOptions {
  /** Shown before the line, in a colour of its own on a terminal with colours: `blue | Listening on 4000`. */
  readonly label?: string
  /** The `data` of the event of `--json`. */
  readonly data?: unknown
  /** @default 'stdout' */
  readonly to?: 'stdout' | 'stderr'
}

/**
 * A value from the command line, positional if it is required, else a flag: `promote green`, `migrate --slot green`. The kind `flag` is a switch without a
 * value; `rest` is everything after `--`, as a list.
 */
export interface Arg<T = unknown> {
  readonly kind: 'value' | 'flag' | 'rest'
  readonly required: boolean
  /**
   * Set if an optional argument may also be given in its place, after those that are required: `rollback 0.1.1`.
   *
   * @default false
   */
  readonly positional?: boolean
  /** One letter: `n` for `-n 20`. */
  readonly short?: string
  /** For help, in one line. */
  readonly description: string
  /** For help: `slot` for `<slot>`. */
  readonly placeholder?: string
  readonly choices?: readonly string[]
  /** Words that Tab offers, which help and errors do not list. @default the choices */
  readonly offered?: readonly string[]
  /**
   * Converts the text. `raw` is undefined if an optional argument was not given.
   *
   * @throws Error whose message continues "<name> cannot be `x`:", such as "it must be a whole number"
   */
  parse(raw: string | boolean | readonly string[] | undefined): T
  optional(): Arg<T | undefined>
}

/** The hosts of a run, seen from a step that runs on each of them at the same time. */
export interface Fleet {
  /** The names of all hosts that the step runs on, in the order of the Taskfile. */
  readonly hosts: readonly string[]
  /** The one that it runs on here. */
  readonly host: string
  /** Whether that is the first of them. */
  readonly first: boolean
  /** How many of them `--limit` lets work at once; undefined for all. */
  readonly limit: number | undefined
  /**
   * Waits until the step has come to this point on each host where it has not ended; resolves to what each of them has passed, in the order of `hosts`.
   * Rejects if the step fails on one of them. With one host it resolves at once.
   */
  gather<T>(value: T): Promise<readonly Gathered<T>[]>
  /**
   * Goes on in batches of hosts, one batch after the other. Resolves to the hosts of this one's batch, once the step has ended on those of the batches before,
   * and rejects if it fails on one of them.
   *
   * @param batches the same on each host; one that is in none of them does not wait
   */
  batch(batches: readonly (readonly string[])[]): Promise<Fleet>
}

export interface Gathered<T> {
  readonly host: string
  readonly value: T
}

/** The open resources of one run, such as the connections to its hosts. */
export interface OpenScope extends AsyncDisposable {
  /** The names of its hosts, if it has several: each step then runs on all of them at the same time, except for a task that runs `once`. */
  readonly hosts?: readonly string[]
  /** Returns what the scope adds to a step's context; called once a step and host. */
  context(common: TaskContext, fleet: Fleet): object
  /** Returns the value of an argument as a step on this host gets it; the same value without this function. */
  input?(value: unknown, fleet: Fleet): unknown
  /** Returns the error to report for a step that failed: another one if the scope knows what it comes from; the same without this function. */
  causeOf?(error: unknown): unknown
  /** Called once the steps of a run have ended, and were undone if one failed; not in a dry run. Resolves to warnings, and never rejects. */
  ended?(outcome: RunOutcome): Promise<readonly string[]>
  /** The traffic so far, also after it was closed; undefined or missing without a connection. */
  traffic?(): Traffic | undefined
}

/** How the steps of a run ended. */
export interface RunOutcome {
  readonly ok: boolean
  /** The steps that were undone. */
  readonly undone: readonly AnyTask[]
  /** Milliseconds. */
  readonly ms: number
  /** Why it failed, without secrets. */
  readonly error?: { readonly code: string; readonly message: string } | undefined
  /** The steps that have begun, in order. */
  readonly steps: readonly EndedStep[]
}

/** How a step ended, without secrets. */
export interface EndedStep {
  readonly title: string
  /** What it said; undefined if it said nothing. */
  readonly note: string | undefined
  readonly ok: boolean
  /** Milliseconds. */
  readonly ms: number
}

/** The traffic with another machine. Each number only grows. */
export interface Traffic {
  /** Sequential round trips: each waited for the one before it. */
  readonly roundTrips: number
  /** Bytes sent, including the overhead of the protocol. */
  readonly sent: number
  /** Bytes received. */
  readonly received: number
}

/** Provides a further part of a task's context. Opened at most once a run, on first use, and closed at its end. */
export interface Scope {
  readonly name: string
  /** Missing if it has no destinations. */
  readonly destination?: ScopeDestination
  /** The names of its hosts; `--host`, `--without` and `--role` choose some of several. */
  readonly hosts?: readonly string[]
  /** The names of its hosts by role; missing if they have none. */
  readonly roles?: Readonly<Record<string, readonly string[]>>
  /** The values to hide in all output. Called before anything is printed, even if the scope is never opened. */
  secrets?(folder: string): Promise<Iterable<string>>
  /** Its standard tasks by the names that its messages use; a Taskfile may export them under other names, or not at all. */
  tasks?(): Readonly<Record<string, AnyTask>>
  /** The error for a standard command that other scopes have and this one has not; undefined for any other name. */
  absent?(command: string): Fault | undefined
  open(run: RunSetting): Promise<OpenScope>
}

/** What a scope tells about its destinations. */
export interface ScopeDestination {
  /** In the order of the Taskfile. */
  readonly names: readonly string[]
  /** The one of this run; undefined if none was chosen and there is no default. */
  readonly name: string | undefined
  /** Whether a command that changes something there has to be confirmed. */
  readonly confirm: boolean
  /** Where it is, for the question. */
  readonly host: string
}

/** The run that a scope is opened for. */
export interface RunSetting {
  /** The name of the command, for locks and records: `deploy`. */
  readonly command: string
  /** Aborted by Ctrl-C and by the failure of the run. The scope must keep working then, because undo steps use it. */
  readonly signal: AbortSignal
  readonly dryRun: boolean
  /** The tasks of the run, in order. */
  readonly tasks: readonly AnyTask[]
  /** The argument values, by name. */
  readonly values: Readonly<Record<string, unknown>>
  /** The folder of the Taskfile: relative paths of a project are relative to it. */
  readonly folder: string
  /** Hides these values in all output from now on. */
  hide(values: Iterable<string>): void
  /** Plain data without secrets, for a file. */
  redact<T>(data: T): T
  confirm(question: string): Promise<boolean>
}

// biome-ignore lint/suspicious/noExplicitAny: a task is contravariant in its context, so only `any` holds all of them.
export type AnyTask = Task<any, any>

/** A task of a Taskfile. `In`: its arguments and those of its needs. `Out`: its result. */
export interface Task<In, Out> {
  readonly '~in': In
  readonly '~out': Out
  readonly kind: 'task' | 'flow'
  readonly title: string
  /** More text for `--help`, after the title. */
  readonly description: string | undefined
  /** Command lines for `--help`, without the leading `npx task`. */
  readonly examples: readonly string[]
  readonly needs: readonly AnyTask[]
  /** Of a flow: tasks around steps of other flows in it. */
  readonly around?: Around
  readonly args: Readonly<Record<string, Arg>>
  /**
   * Takes the terminal, after the tree has ended, like a console. `'if there is one'`: only if the program was started in a terminal and without `--json`;
   * its context says whether it has it. If it returns `{ exitCode }`, the program exits with that.
   */
  readonly interactive: Interactive
  /**
   * Its result is what it prints with `print`: standard output gets that and no progress, and a reader such as `head` may close it. If it returns
   * `{ exitCode }`, the program exits with that.
   */
  readonly streams: boolean
  readonly scope: Scope | undefined
  /** Whether it runs once for all hosts: on the first of them. */
  readonly once?: boolean
  /** Whether `--limit` does not concern it. */
  readonly together?: boolean
  /** Whether a dry run of it says in sentences what it would do: what it would run is then printed with `--verbose` alone. */
  readonly tells?: boolean
  /** Whether it uses the secrets of its scope, which are then read before the first step. */
  readonly secrets?: boolean
  /** Whether it changes its host; a destination that has to be confirmed asks first. A task that needs such a task needs not say it. */
  readonly changes?: boolean | ((values: Readonly<Record<string, unknown>>) => boolean)
  when?(values: object, source?: { readonly folder: string }): boolean
  run?(context: object): unknown
  undo?(context: object): unknown
}

/** Tasks beside steps that something else needs, each with that step. */
export interface Around {
  /**
   * Tasks that run right before a step.
   *
   * @default none
   * @example [[tasks.startIdle, warnTheTeam]]
   */
  readonly before?: readonly (readonly [step: AnyTask, own: AnyTask])[]
  /**
   * Tasks that run right after a step.
   *
   * @default none
   * @example [[tasks.upload, uploadAssets]]
   */
  readonly after?: readonly (readonly [step: AnyTask, own: AnyTask])[]
}

export type Interactive = boolean | 'if there is one'

type Union2Intersection<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never
/** The results of the needed tasks, combined. */
export type Given<D extends readonly AnyTask[]> = D extends readonly [] ? {} : Union2Intersection<D[number]['~out']>
/** The arguments of the needed tasks, combined. */
export type Wanted<D extends readonly AnyTask[]> = D extends readonly [] ? {} : Union2Intersection<D[number]['~in']>
export type Values<A> = { -readonly [K in keyof A]: A[K] extends Arg<infer T> ? T : never }
export type Simple<T> = { [K in keyof T]: T[K] } & {}
export type Result<Out> = Out extends object ? Out : {}

/** The result of a task: an object whose properties others use, or nothing. `then` is excluded, so that a promised value is checked as well. */
// biome-ignore lint/suspicious/noConfusingVoidType: a `run` without a return gives void.
export type Returned = (object & { then?: never }) | undefined | void

/** The definition of a task. `C`: what the scope adds to the context. */
export interface TaskDefinition<C, Out, D extends readonly AnyTask[], A extends Record<string, Arg>> {
  readonly description?: string
  readonly examples?: readonly string[]
  readonly needs?: D
  readonly args?: A
  readonly interactive?: Interactive
  readonly streams?: boolean
  /**
   * Whether it runs once for all hosts of its project, on the first of them, instead of on each. What it returns is the same for all.
   *
   * @default false
   */
  readonly once?: boolean
  /**
   * Whether it runs on all hosts at once also with `--limit`, for what has to happen everywhere at one moment. What comes after `fleet.gather` always does.
   *
   * @default false
   */
  readonly together?: boolean
  /**
   * Whether it uses the variables of the application itself, with `variables` or `environment`: a password manager or a cloud is asked only by commands with
   * such a task.
   *
   * @default false
   */
  readonly secrets?: boolean
  /**
   * Whether it changes its host: a destination such as `production` then asks before the command begins. Not needed beside a need that changes the host,
   * such as `tasks.startIdle`.
   *
   * @default false
   */
  readonly changes?: boolean | ((values: Simple<Wanted<D> & Values<A>>) => boolean)
  /** Whether to run the step, from the argument values. Without it the step always runs. */
  when?(values: Simple<Wanted<D> & Values<A>>): boolean
  run(context: Simple<TaskContext & C & Wanted<D> & Values<A> & Given<D>>): Promise<Out> | Out
  /**
   * Undoes what `run` did. Called newest first after a failure or Ctrl-C; also if `run` itself failed half way, in which case its result is missing from
   * the context.
   */
  undo?(
    context: Simple<TaskContext & C & Wanted<D> & Values<A> & Given<D> & Partial<Result<Out>>>,
  ): Promise<unknown> | unknown
}

/** The functions that create the tasks of a Taskfile. */
export interface Definer<C> {
  task<Out extends Returned, const D extends readonly AnyTask[] = [], const A extends Record<string, Arg> = {}>(
    title: string,
    definition: TaskDefinition<C, Out, D, A>,
  ): Task<Simple<Values<A> & Wanted<D>>, Simple<Given<D> & Result<Out>>>
  /** Several tasks as one command, in this order. */
  flow<const T extends readonly AnyTask[]>(
    title: string,
    tasks: T,
    more?: { readonly description?: string; readonly examples?: readonly string[] } & Around,
  ): Task<Simple<Wanted<T>>, Simple<Given<T>>>
}

/** A definition as far as it can be checked at run time. */
interface Definition
  extends Readonly<Record<keyof TaskDefinition<object, undefined, readonly AnyTask[], Record<string, Arg>>, unknown>> {
  readonly description: string
  readonly examples: readonly string[]
  readonly needs: readonly AnyTask[]
  readonly args: Readonly<Record<string, Arg>>
  readonly interactive: Interactive
  readonly streams: boolean
  readonly once: boolean
  readonly together: boolean
  readonly secrets: boolean
  readonly changes: boolean | Function
  readonly when: Function
  readonly run: Function
  readonly undo: Function
}
type More = Pick<Definition, 'description' | 'examples'>

// A circular import leaves needs undefined; `planOf` reports those.
const tasks = list<AnyTask>(thing('a task', value => value === undefined || isTask(value)))
const more = { description: optional(text), examples: optional(list(text)) }
const pair = thing<readonly [AnyTask, AnyTask]>(
  'a pair of tasks, such as `[tasks.upload, uploadAssets]`',
  value => Array.isArray(value) && value.length === 2 && value.every(isTask),
)
const FLOW = fields<Partial<More> & Around>({ ...more, before: optional(list(pair)), after: optional(list(pair)) })
const TASK = fields<Partial<Definition> & Pick<Definition, 'run'>>({
  ...more,
  needs: optional(tasks),
  args: optional(record(thing<Arg>('an argument, such as `arg.text("...")`', isArg))),
  interactive: optional(either(flag, oneOf('if there is one'), "true, false or 'if there is one'")),
  streams: optional(flag),
  once: optional(flag),
  together: optional(flag),
  secrets: optional(flag),
  changes: optional(either(flag, call<Function>('a function'), 'true, false or a function of the arguments')),
  when: optional(call('a function')),
  run: call('a function, such as `run: async ({ $ }) => { ... }`'),
  undo: optional(call('a function')),
})

/** Creates `task` and `flow` for a scope, or for tasks without one. */
export function definer<C = {}>(scope?: Scope): Definer<C> {
  const create = (kind: 'task' | 'flow', title: string, more: object): never =>
    ({
      kind,
      title,
      description: undefined,
      examples: [],
      needs: [],
      args: {},
      interactive: false,
      streams: false,
      scope,
      ...more,
    }) as never
  return {
    task(title, definition) {
      checked(`task(${JSON.stringify(checked('task()', TITLE, title))})`, TASK, definition)
      return create('task', title, definition)
    },
    flow(title, needs, more = {}) {
      const name = `flow(${JSON.stringify(checked('flow()', TITLE, title))})`
      checked(name, tasks, needs)
      const { before, after, ...rest } = checked<Partial<More> & Around>(name, FLOW, more)
      const around: Around = { ...(before && { before }), ...(after && { after }) }
      return create('flow', title, { ...rest, needs, ...((before || after) && { around }) })
    },
  }
}

const TITLE = expecting('a title, such as "Warm the caches"', text)

function isArg(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'parse' in value && typeof value.parse === 'function'
}

/** Whether an export of a Taskfile is a task. */
export const isTask = (value: unknown): value is AnyTask =>
  typeof value === 'object' &&
  value !== null &&
  'needs' in value &&
  'kind' in value &&
  (value.kind === 'task' || value.kind === 'flow')
