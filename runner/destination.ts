/**
 * The destination of this run, such as `staging`: chosen on the command line before the Taskfile is loaded, because a Taskfile defines its tasks for one
 * destination.
 */
import { nearest } from './cli/suggest.ts'
import { runnerFaults } from './faults.ts'
import type { AnyTask, Scope, ScopeDestination } from './task.ts'

/** The variable that names the destination where nobody types flags, such as in CI. */
const VARIABLE = 'TASK_DESTINATION'

interface ChosenDestination {
  readonly name: string
  readonly by: '--destination' | typeof VARIABLE
}

let chosen: ChosenDestination | undefined

/** Chooses the destination for the Taskfile that is loaded next. */
export function chooseDestination(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): void {
  const variable = env[VARIABLE]
  if (flag !== undefined) chosen = { name: flag, by: '--destination' }
  else chosen = variable ? { name: variable, by: VARIABLE } : undefined
}

export const chosenDestination = (): ChosenDestination | undefined => chosen

/** The names of all destinations of some scopes. */
export const destinationNames = (scopes: Iterable<Scope>): readonly string[] => [
  ...new Set([...scopes].flatMap(({ destination }) => destination?.names ?? [])),
]

/**
 * Returns the destinations that a command is run for: at most one for each project that it uses.
 *
 * @throws DESTINATION_MISSING, DESTINATION_UNKNOWN, DESTINATIONS_NONE; nothing was contacted then
 */
export function assertDestination(scopes: Iterable<Scope>, command: string): readonly ScopeDestination[] {
  const all = [...scopes]
  const found = all.flatMap(({ destination }) => destination ?? [])
  if (found.length === 0 && chosen && all.length > 0) throw runnerFaults.DESTINATIONS_NONE(chosen)
  for (const { names, name } of found) {
    if (chosen && !names.includes(chosen.name))
      throw runnerFaults.DESTINATION_UNKNOWN({ ...chosen, names, near: nearest(chosen.name, names) })
    if (name === undefined) throw runnerFaults.DESTINATION_MISSING({ command, names })
  }
  return found
}

/** Whether a step changes its host, from the argument values. */
export function changes({ changes = false }: AnyTask, values: Readonly<Record<string, unknown>>): boolean {
  return typeof changes === 'function' ? changes(values) : changes
}
