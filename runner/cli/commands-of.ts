/** Turns the exports of a Taskfile into commands. */
import { runnerFaults } from '../faults.ts'
import { type AnyTask, isTask, type Scope } from '../task.ts'
import { nearest } from './suggest.ts'

/** `detectLive` is `detect-live`, `sendToHTTP` is `send-to-http`. */
export const kebab = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .replace(/[_$]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase()

/** The command that every Taskfile has. Shells run it when they start, so it reads no Taskfile. */
export const COMPLETION = 'completion'

/** The command that writes the first Taskfile. It is not the runner's own, but no Taskfile can have it: it never reads one. */
export const INIT = 'init'

/** The command that explains an error. A Taskfile cannot have it either: errors name it, also those of a Taskfile that does not load. */
export const EXPLAIN = 'explain'

const RESERVED: ReadonlySet<string> = new Set([COMPLETION, INIT, EXPLAIN])

/** The tasks of a Taskfile by command name. */
export type Commands = ReadonlyMap<string, AnyTask>

/** Commands that need no Taskfile, by name; the tasks are loaded only if they run. */
export type OwnCommands = Readonly<Record<string, () => Promise<AnyTask>>>

/**
 * The exported tasks, flows first, each in the order of the Taskfile's source. Exports that are not tasks, and the default export, are ignored.
 *
 * @throws TASK_RESERVED, TASKS_OF_ONE_NAME, EXPORT_UNDEFINED
 */
export function commandsOf(exported: object, source: string): Commands {
  const found = new Map<string, { task: AnyTask; from: string }>()
  for (const [from, value] of inOrder(exported, source)) {
    // What a misspelt name in `export const { deplyo } = tasks` is; without an error the command would be missing, and nobody would know why.
    if (value === undefined && from !== 'default') assertAbsent(from, scopesOf(exported))
    if (from === 'default' || !isTask(value)) continue
    const name = kebab(from)
    if (RESERVED.has(name)) throw runnerFaults.TASK_RESERVED({ name, from })
    const other = found.get(name)
    if (other) throw runnerFaults.TASKS_OF_ONE_NAME({ name, exports: [other.from, from] })
    found.set(name, { task: value, from })
  }
  const all = [...found].map(([name, { task }]) => [name, task] as const)
  return new Map([...all.filter(([, task]) => task.kind === 'flow'), ...all.filter(([, task]) => task.kind === 'task')])
}

const scopesOf = (exported: object): readonly Scope[] =>
  Object.values(exported).flatMap(value => (isTask(value) && value.scope ? [value.scope] : []))

/** A command that others have and this project has not is explained when somebody runs it. @throws EXPORT_UNDEFINED for any other name */
function assertAbsent(name: string, scopes: readonly Scope[]): void {
  if (scopes.some(scope => scope.absent?.(kebab(name)))) return
  const near = nearest(
    name,
    scopes.flatMap(scope => Object.keys(scope.tasks?.() ?? {})),
  )
  throw runnerFaults.EXPORT_UNDEFINED({ name, near })
}

/** The exports in source order: a module object lists them alphabetically. */
function inOrder(exported: object, source: string): [string, unknown][] {
  const places = new Map<string, number>()
  for (const statement of source.matchAll(/^export\b[^=]*/gm))
    for (const [word] of statement[0].matchAll(/[\w$]+/g)) if (!places.has(word)) places.set(word, places.size)
  const place = (name: string) => places.get(name) ?? Number.POSITIVE_INFINITY
  return Object.entries(exported).sort(([a], [b]) => (place(a) === place(b) ? 0 : place(a) - place(b)))
}
