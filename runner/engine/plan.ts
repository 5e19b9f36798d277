/** The tasks of a command in the order in which they run. */
import { kebab } from '../cli/commands-of.ts'
import { runnerFaults } from '../faults.ts'
import type { AnyTask, Arg, Around } from '../task.ts'

/** A task of a plan. */
export interface Step {
  /** The name of its command, or a name derived from its title if it is not exported. Unique in a plan. */
  readonly name: string
  readonly title: string
  readonly task: AnyTask
  /** The task and everything that it needs, directly or indirectly: it may use their arguments and results. */
  readonly reach: ReadonlySet<AnyTask>
  /** Whether it takes the terminal. */
  readonly interactive: boolean
}

/** A command, ready to run. */
export interface Plan {
  readonly command: string
  readonly title: string
  readonly task: AnyTask
  readonly steps: readonly Step[]
  /** The arguments of all steps: the command's own first, then in the order of the steps. */
  readonly args: ReadonlyMap<string, Arg>
}

/**
 * Plans a command: needs come before the tasks that need them, and each task is one step, however many need it. Flows keep their order and are not steps
 * themselves.
 *
 * @param terminal whether a step that takes the terminal if there is one gets it
 * @throws CYCLE, NEED_UNDEFINED, STEP_NOT_IN_FLOW, INTERACTIVE_NOT_LAST, ARGUMENT_CLASH
 */
export function planOf(
  command: string,
  task: AnyTask,
  names: ReadonlyMap<string, AnyTask> = new Map(),
  terminal = false,
): Plan {
  const order = sorted(task)
  const tasks = order.filter(({ kind }) => kind === 'task')
  const early = tasks.slice(0, -1).find(({ interactive }) => interactive !== false)
  if (early) throw runnerFaults.INTERACTIVE_NOT_LAST({ title: early.title, command })

  const nameOf = naming(names)
  const reaches = new Map<AnyTask, Set<AnyTask>>()
  for (const task of order) {
    reaches.set(task, new Set([task, ...task.needs.flatMap(need => [...(reaches.get(need) ?? [])])]))
  }
  const steps = tasks.map(task => ({
    name: nameOf(task),
    title: task.title,
    task,
    reach: reaches.get(task) ?? new Set([task]),
    interactive: task.interactive === true || (task.interactive !== false && terminal),
  }))
  return { command, title: task.title, task, steps, args: argsOf(command, [task, ...tasks]) }
}

/** All tasks, needs first, with those around them. @throws CYCLE, NEED_UNDEFINED, STEP_NOT_IN_FLOW */
function sorted(root: AnyTask): AnyTask[] {
  const done = new Set<AnyTask>()
  const path: AnyTask[] = []
  const { before, after } = around(root)
  const own = (pairs: Pairs, task: AnyTask) => pairs.filter(([step]) => step === task).map(([, own]) => own)
  const visit = (task: AnyTask) => {
    if (done.has(task)) return
    if (path.includes(task))
      throw runnerFaults.CYCLE({ titles: [...path.slice(path.indexOf(task)), task].map(({ title }) => title) })
    path.push(task)
    // What is before a flow is before its first step.
    if (task.kind === 'flow') own(before, task).forEach(visit)
    const needs: readonly (AnyTask | undefined)[] = task.needs
    for (const [i, need] of needs.entries()) {
      if (!need) throw runnerFaults.NEED_UNDEFINED({ title: task.title, position: i + 1 })
      visit(need)
    }
    if (task.kind === 'task') own(before, task).forEach(visit)
    path.pop()
    done.add(task)
    own(after, task).forEach(visit)
  }
  visit(root)
  for (const [step, { title }] of [...before, ...after])
    if (!done.has(step)) throw runnerFaults.STEP_NOT_IN_FLOW({ flow: root.title, step: step.title, title })
  return [...done]
}

type Pairs = NonNullable<Around['before']>

/** The tasks around steps, of all flows that the root needs. */
function around(root: AnyTask): { readonly before: Pairs; readonly after: Pairs } {
  const visited = new Set<AnyTask>()
  const visit = (task: AnyTask | undefined) => {
    if (!task || visited.has(task)) return
    visited.add(task)
    task.needs.forEach(visit)
  }
  visit(root)
  const flows = [...visited]
  return {
    before: flows.flatMap(flow => flow.around?.before ?? []),
    after: flows.flatMap(flow => flow.around?.after ?? []),
  }
}

function naming(names: ReadonlyMap<string, AnyTask>): (task: AnyTask) => string {
  const given = new Map<AnyTask, string>()
  for (const [name, task] of names) if (!given.has(task)) given.set(task, name)
  const used = new Set(names.keys())
  return task => {
    const known = given.get(task)
    if (known !== undefined) return known
    const slug = kebab(task.title.replace(/[^\p{L}\p{N}]+/gu, '_')) || 'step'
    let name = slug
    for (let i = 2; used.has(name); i++) name = `${slug}-${i}`
    used.add(name)
    return name
  }
}

function argsOf(command: string, tasks: readonly AnyTask[]): ReadonlyMap<string, Arg> {
  const found = new Map<string, { arg: Arg; title: string }>()
  for (const { title, args } of tasks) {
    for (const [name, arg] of Object.entries(args)) {
      const other = found.get(name)
      const agreed = other ? agree(other.arg, arg) : arg
      if (!agreed) throw runnerFaults.ARGUMENT_CLASH({ command, argument: name, titles: [other?.title ?? '', title] })
      found.set(name, { arg: agreed, title: other?.title ?? title })
    }
  }
  return new Map([...found].map(([name, { arg }]) => [name, arg]))
}

/** The argument to use if two tasks declare it: undefined if they conflict, the required one if the other is its optional form. */
function agree(a: Arg, b: Arg): Arg | undefined {
  if (a === b || a.optional() === b) return a
  return b.optional() === a ? b : undefined
}
