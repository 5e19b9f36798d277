/** A run of a rehearsal: throw-away hosts take the place of those of the Taskfile. `task rehearse` starts such runs. */
import { readFileSync } from 'node:fs'

/** The variable that names the file with the hosts. */
export const REHEARSAL = 'TASK_REHEARSAL'

export interface Rehearsal {
  /** The ssh configuration of the throw-away hosts. */
  readonly sshConfig: string
  /** Their names in it, by those in the Taskfile. */
  readonly hosts: Readonly<Record<string, string>>
  /** An environment file in place of the sources of the Taskfile; missing for an application without variables. */
  readonly env?: string
}

let read: { readonly path: string; readonly rehearsal: Rehearsal } | undefined

/** Undefined in any other run. */
export function rehearsal(): Rehearsal | undefined {
  const path = process.env[REHEARSAL]
  if (!path) return undefined
  if (read?.path !== path) read = { path, rehearsal: JSON.parse(readFileSync(path, 'utf8')) as Rehearsal }
  return read.rehearsal
}
