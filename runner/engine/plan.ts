/** In which order the tasks of a command run. */
import { kebab } from '../cli/commands-of.ts'
import { runnerFaults } from '../faults.ts'
import type { AnyTask, Arg } from '../task.ts'

/** A task at its place in a run. */
export interface Step {
  /** Its command's name; for a task that is not exported, made from its title. Unique in a plan. */
  readonly name: string
  readonly title: string
  readonly task: AnyTask
  /** Itself and all that it needs, near or far: whose arguments and results it may use. */
  readonly reach: ReadonlySet<AnyTask>
}

/** A command, ready to run. */
export interface Plan {
  readonly command: string
  readonly title: string
  readonly task: AnyTask
  readonly steps: readonly Step[]
  /** The arguments of all its steps: its own first, then in the order of the steps. */
  readonly args: ReadonlyMap<string, Arg>
}

/**
 * Needs come first, each task once, however many need it; flows keep their order, and are no steps themselves.
 *
 * @throws CYCLE, NEED_UNDEFINED, INTERACTIVE_NOT_LAST, ARGUMENT_CLASH
 */
export function planOf(command: string, task: AnyTask, names: ReadonlyMap<string, AnyTask> = new Map()): Plan {
  const order = sorted(task)
  const tasks = order.filter(({ kind }) => kind === 'task')
  const early = tasks.slice(0, -1).find(({ interactive }) => interactive)
  if (early) throw runnerFaults.INTERACTIVE_NOT_LAST({ title: early.title, command })

  const nameOf = naming(names)
  const reaches = new Map<AnyTask, Set<AnyTask>>()
  for (const one of order) {
    reaches.set(one, new Set([one, ...one.needs.flatMap(need => [...(reaches.get(need) ?? [])])]))
  }
  const steps = tasks.map(one => ({
    name: nameOf(one),
    title: one.title,
    task: one,
    reach: reaches.get(one) ?? new Set([one]),
  }))
  return { command, title: task.title, task, steps, args: argsOf(command, [task, ...tasks]) }
}

/** Depth first. Throws on a circle, and on what is not a task. */
function sorted(root: AnyTask): AnyTask[] {
  const done = new Set<AnyTask>()
  const path: AnyTask[] = []
  const visit = (task: AnyTask) => {
    if (done.has(task)) return
    if (path.includes(task))
      throw runnerFaults.CYCLE({ titles: [...path.slice(path.indexOf(task)), task].map(({ title }) => title) })
    path.push(task)
    const needs: readonly (AnyTask | undefined)[] = task.needs
    for (const [i, need] of needs.entries()) {
      if (!need) throw runnerFaults.NEED_UNDEFINED({ title: task.title, position: i + 1 })
      visit(need)
    }
    path.pop()
    done.add(task)
  }
  visit(root)
  return [...done]
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

/** The same argument, or one the optional form of the other: then it is required. */
function agree(a: Arg, b: Arg): Arg | undefined {
  if (a === b || a.optional() === b) return a
  return b.optional() === a ? b : undefined
}
