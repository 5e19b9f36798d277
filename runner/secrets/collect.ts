/** The values that a Taskfile keeps from being printed, known before anything is. */

import type { AnyTask, Scope } from '../task.ts'
import type { Taskfile } from '../taskfile/load.ts'
import type { Redactor } from './redact.ts'

/**
 * Hides what all scopes of a Taskfile want hidden, also those that this command never opens: any of its tasks may print their
 * files. What cannot be read is left to be told by the step that opens the scope.
 */
export async function hideSecrets({ commands, folder }: Pick<Taskfile, 'commands' | 'folder'>, redactor: Redactor) {
  const asked = await Promise.allSettled([...scopesOf(commands.values())].map(async scope => scope.secrets?.(folder)))
  for (const one of asked) if (one.status === 'fulfilled' && one.value) redactor.hide(one.value)
}

/** The scopes of some tasks and of all that they need. */
export function scopesOf(tasks: Iterable<AnyTask>): Set<Scope> {
  const seen = new Set<AnyTask>()
  const visit = (task: AnyTask | undefined) => {
    // A circle of imports leaves holes; which, the plan tells.
    if (!task || seen.has(task)) return
    seen.add(task)
    task.needs.forEach(visit)
  }
  for (const task of tasks) visit(task)
  return new Set([...seen].flatMap(({ scope }) => scope ?? []))
}
