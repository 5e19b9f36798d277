/** Writes to this machine by way of a temporary folder. */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../runner/fault.ts'
import { hostFaults, systemReason } from '../faults.ts'

/** The name of a folder for one copy. Short, because the name of what is copied may be as long as a name can be. */
export const stagingName = (): string => `.switchyard-${randomBytes(6).toString('hex')}`

/** Calls a function with a new folder that only we can read, below `parent`, and removes the folder afterwards. */
export async function inStaging<T>(parent: string, path: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(parent, stagingName())
  await writing(path, mkdir(folder, { mode: 0o700 }))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @throws LOCAL_FILE_UNWRITABLE */
export const writing = <T>(path: string, operation: Promise<T>): Promise<T> =>
  operation.catch((error: Error) => {
    if (error instanceof Fault) throw error
    throw hostFaults.LOCAL_FILE_UNWRITABLE({ path, reason: systemReason(error) }, error)
  })

/** What is at a path of this machine; a link counts as its target only if `follow`. */
export async function kindOf(path: string, follow: boolean): Promise<'nothing' | 'folder' | 'other'> {
  try {
    return (await (follow ? stat(path) : lstat(path))).isDirectory() ? 'folder' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'nothing'
    throw error
  }
}
