/** Collects the secrets of a Taskfile before anything is printed. */

import type { AnyTask, Scope } from '../task.ts'
import type { Taskfile } from '../taskfile/load.ts'
import type { Redactor } from './redact.ts'

/**
 * Hides the secrets of all scopes of a Taskfile, even of those that this command never opens, because any task may print their files. Errors are left to
 * the step that opens the scope.
 */
export async function hideSecrets({ commands, folder }: Pick<Taskfile, 'commands' | 'folder'>, redactor: Redactor) {
  const results = await Promise.allSettled([...scopesOf(commands.values())].map(async scope => scope.secrets?.(folder)))
  for (const result of results) if (result.status === 'fulfilled' && result.value) redactor.hide(result.value)
}

/** The scopes of the tasks and of everything that they need. */
export function scopesOf(tasks: Iterable<AnyTask>): Set<Scope> {
  const visited = new Set<AnyTask>()
  const visit = (task: AnyTask | undefined) => {
    // A circular import leaves needs undefined; `planOf` reports those.
    if (!task || visited.has(task)) return
    visited.add(task)
    task.needs.forEach(visit)
    for (const [, own] of [...(task.around?.before ?? []), ...(task.around?.after ?? [])]) visit(own)
  }
  for (const task of tasks) visit(task)
  return new Set([...visited].flatMap(({ scope }) => scope ?? []))
}
