/**
 * What a task is. A task reads like a sentence: a title, what it needs, what it does, how it is undone.
 *
 * The types carry the data: what a needed task returned is in the context of the one that needs it, so using
 * `artifact` without needing `build` does not compile.
 */
import type { ProcessPromise, Options as ZxOptions } from 'zx/core'

import { call, checked, fields, flag, list, optional, record, text, thing, worded } from './taskfile/shape.ts'

/** zx's `$`, local or remote: a template whose values are quoted, or options that make another such shell. */
export interface Shell {
  (pieces: TemplateStringsArray, ...values: unknown[]): ProcessPromise
  (options: ShellOptions): Shell
}
export type ShellOptions = Partial<
  Pick<ZxOptions, 'cwd' | 'env' | 'nothrow' | 'timeout' | 'timeoutSignal' | 'input' | 'quiet' | 'signal'>
>

/** What every task can use, whatever the project. The runner makes one for each step. */
export interface TaskContext {
  /** zx on this machine; a dry run prints the command instead of running it. */
  readonly $: Shell
  /** Aborted by Ctrl-C and by the failure of the run. An undo step has one of its own, which is not. */
  readonly signal: AbortSignal
  readonly dryRun: boolean
  /** One line of output, shown below the step (the last one) or, with `--verbose`, whole. */
  log(line: string): void
  /** The remark that stays behind the step's title when it has ended: `Ask nginx which slot is live  blue`. */
  note(remark: string): void
  /**
   * A result for the person who called: `text` after the tree, `data` in the result event of `--json`. A text that has to fit is made
   * for the columns of the terminal, which are undefined where there is none.
   */
  show(text: string | ((columns: number | undefined) => string), data?: unknown): void
  /** Asks a person a yes-or-no question; `false` where there is no terminal. */
  confirm(question: string): Promise<boolean>
}

/**
 * A value from the command line. `parse` throws an `Error` whose message says which values are allowed.
 * `flag` is a switch without a value. Positional when required, else a flag: `promote green`, `migrate --slot green`.
 */
export interface Arg<T = unknown> {
  readonly kind: 'value' | 'flag'
  readonly required: boolean
  /** For help: what the value is, one line. */
  readonly description: string
  /** For help: the placeholder, `<slot>`. */
  readonly placeholder?: string
  readonly choices?: readonly string[]
  /** `undefined` when the argument was not given; never called so for a required one. */
  parse(raw: string | boolean | undefined): T
  optional(): Arg<T | undefined>
}

/** The open resources of one run, such as the connection to a host: what a project adds to each task's context. */
export interface OpenScope extends AsyncDisposable {
  /** The project's part of a step's context; called once a step, with that step's kit. */
  context(kit: TaskContext): object
  /** What has travelled through it so far, also after it was closed; undefined or missing where nothing travels. */
  traffic?(): Traffic | undefined
}

/** What has gone over a line to another machine. Each number only grows. */
export interface Traffic {
  /** Those that came one after the other: each waited for the one before it. */
  readonly roundTrips: number
  /** Bytes to there, all that the line itself needs included. */
  readonly sent: number
  /** Bytes from there. */
  readonly received: number
}

/** Who supplies a task's context beyond the kit. Opened at most once a run, closed at its end. */
export interface Scope {
  readonly name: string
  /** The values to hide in all that is printed, asked for before anything is, whether the scope will be opened or not. */
  secrets?(folder: string): Promise<Iterable<string>>
  /** All tasks that it offers, by the names that its messages have for them: a Taskfile may export them under others, or not at all. */
  tasks?(): Readonly<Record<string, AnyTask>>
  open(run: RunSetting): Promise<OpenScope>
}

/** What a scope may know of the run it is opened for. */
export interface RunSetting {
  /** The name of the command, as locks and records call it: `deploy`. */
  readonly command: string
  /** Aborted by Ctrl-C and by the failure of the run. What was opened must go on working then: undo steps use it. */
  readonly signal: AbortSignal
  readonly dryRun: boolean
  /** All that the run is going to do, in order. */
  readonly tasks: readonly AnyTask[]
  /** The values of the command line's arguments, by name. */
  readonly values: Readonly<Record<string, unknown>>
  /** The folder of the Taskfile: relative paths of a project are relative to it. */
  readonly folder: string
  /** Hides these values in everything that is printed from now on. */
  hide(values: Iterable<string>): void
  confirm(question: string): Promise<boolean>
}

// biome-ignore lint/suspicious/noExplicitAny: a task is contravariant in its context, so only `any` holds all of them.
export type AnyTask = Task<any, any>

/** A task of a Taskfile. `In` is what it wants from the command line, its needs' arguments included; `Out` what it gives. */
export interface Task<In, Out> {
  readonly '~in': In
  readonly '~out': Out
  readonly kind: 'task' | 'flow'
  readonly title: string
  /** More about it for `--help`; the title is the first line. */
  readonly description: string | undefined
  /** Command lines for `--help`, without the leading `npx task`. */
  readonly examples: readonly string[]
  readonly needs: readonly AnyTask[]
  readonly args: Readonly<Record<string, Arg>>
  /** Takes the terminal for itself, after the tree has ended, like a console. May return `{ exitCode }`: the program ends with it. */
  readonly interactive: boolean
  readonly scope: Scope | undefined
  when?(values: object): boolean
  run?(context: object): unknown
  undo?(context: object): unknown
}

type Union2Intersection<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never
/** What the needed tasks give, all together. */
export type Given<D extends readonly AnyTask[]> = D extends readonly [] ? {} : Union2Intersection<D[number]['~out']>
/** What the needed tasks want from the command line, all together. */
export type Wanted<D extends readonly AnyTask[]> = D extends readonly [] ? {} : Union2Intersection<D[number]['~in']>
export type Values<A> = { -readonly [K in keyof A]: A[K] extends Arg<infer T> ? T : never }
export type Simple<T> = { [K in keyof T]: T[K] } & {}
export type Result<Out> = Out extends object ? Out : {}

/** An object whose names others use, or nothing. Not a promise in a promise: so what is promised is looked at as well. */
// biome-ignore lint/suspicious/noConfusingVoidType: a `run` without a return gives void.
export type Returned = (object & { then?: never }) | undefined | void

/** How a task is written. `C` is what the project adds to the context. */
export interface TaskDefinition<C, Out, D extends readonly AnyTask[], A extends Record<string, Arg>> {
  readonly description?: string
  readonly examples?: readonly string[]
  readonly needs?: D
  readonly args?: A
  readonly interactive?: boolean
  /** Whether the command line asks for it; else the step is left out, and gives nothing. Without it the step is always there. */
  when?(values: Simple<Wanted<D> & Values<A>>): boolean
  run(context: Simple<TaskContext & C & Wanted<D> & Values<A> & Given<D>>): Promise<Out> | Out
  /**
   * Takes back what `run` did. Called newest first when a later step failed or Ctrl-C came, and also when `run` itself
   * failed half way: then what it would have returned is missing.
   */
  undo?(
    context: Simple<TaskContext & C & Wanted<D> & Values<A> & Given<D> & Partial<Result<Out>>>,
  ): Promise<unknown> | unknown
}

/** The two functions with which a Taskfile makes its own tasks. */
export interface Definer<C> {
  task<Out extends Returned, const D extends readonly AnyTask[] = [], const A extends Record<string, Arg> = {}>(
    title: string,
    definition: TaskDefinition<C, Out, D, A>,
  ): Task<Simple<Values<A> & Wanted<D>>, Simple<Given<D> & Result<Out>>>
  /** Several tasks under one name, in this order. */
  flow<const T extends readonly AnyTask[]>(
    title: string,
    tasks: T,
    more?: { readonly description?: string; readonly examples?: readonly string[] },
  ): Task<Simple<Wanted<T>>, Simple<Given<T>>>
}

/** What a definition may hold, as far as a look at it can tell. */
interface Definition
  extends Readonly<Record<keyof TaskDefinition<object, undefined, readonly AnyTask[], Record<string, Arg>>, unknown>> {
  readonly description: string
  readonly examples: readonly string[]
  readonly needs: readonly AnyTask[]
  readonly args: Readonly<Record<string, Arg>>
  readonly interactive: boolean
  readonly when: Function
  readonly run: Function
  readonly undo: Function
}
type More = Pick<Definition, 'description' | 'examples'>

// A circle of imports leaves holes among the needs; which, the plan tells.
const tasks = list<AnyTask>(thing('a task', value => value === undefined || isTask(value)))
const more = { description: optional(text), examples: optional(list(text)) }
const FLOW = fields<Partial<More>>(more)
const TASK = fields<Partial<Definition> & Pick<Definition, 'run'>>({
  ...more,
  needs: optional(tasks),
  args: optional(record(thing<Arg>('an argument, such as `arg.text("...")`', isArg))),
  interactive: optional(flag),
  when: optional(call('a function')),
  run: call('a function, such as `run: async ({ $ }) => { ... }`'),
  undo: optional(call('a function')),
})

/** Makes `task` and `flow` for a scope, or for tasks that need none. */
export function definer<C = {}>(scope?: Scope): Definer<C> {
  const made = (kind: 'task' | 'flow', title: string, more: object): never =>
    ({
      kind,
      title,
      description: undefined,
      examples: [],
      needs: [],
      args: {},
      interactive: false,
      scope,
      ...more,
    }) as never
  return {
    task(title, definition) {
      checked(`task(${JSON.stringify(checked('task()', TITLE, title))})`, TASK, definition)
      return made('task', title, definition)
    },
    flow(title, needs, more = {}) {
      const name = `flow(${JSON.stringify(checked('flow()', TITLE, title))})`
      checked(name, tasks, needs)
      checked(name, FLOW, more)
      return made('flow', title, { ...more, needs })
    },
  }
}

const TITLE = worded('a title, such as "Warm the caches"', text)

function isArg(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'parse' in value && typeof value.parse === 'function'
}

/** Whether a value that a Taskfile exports is a task. */
export const isTask = (value: unknown): value is AnyTask =>
  typeof value === 'object' &&
  value !== null &&
  'needs' in value &&
  'kind' in value &&
  (value.kind === 'task' || value.kind === 'flow')
