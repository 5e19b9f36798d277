/** Access to the files of a machine, and helpers for what copies them. */
import { posix } from 'node:path'
import type { ListedFile } from '../host.ts'

/**
 * The files of a machine, while it is open. Paths there are absolute. An operation rejects with a `FileProblem`, or with a `Fault` if the connection was
 * lost.
 */
export interface Files {
  list(folder: string): Promise<readonly ListedFile[]>
  /** The target of a link. */
  readlink(path: string): Promise<string>
  /** Copies a file of the machine to a new file of this one that only its owner can read. */
  fetch(remote: string, local: string, onBytes: (count: number) => void): Promise<void>
  /** Copies a file of this machine to a new file there. */
  send(local: string, remote: string, onBytes: (count: number) => void): Promise<void>
  /** Ends operations that are running. */
  close(): void
}

/** Why a file could not be read or written. */
export class FileProblem extends Error {
  readonly missing: boolean

  constructor(reason: string, missing: boolean, cause?: unknown) {
    super(reason, { cause })
    this.missing = missing
  }
}

/** Something below a folder that is copied. */
export interface Entry extends Pick<ListedFile, 'mode'> {
  readonly type: 'file' | 'folder' | 'link'
  /** Relative to the folder, with slashes. That of the folder itself is `.`. */
  readonly path: string
  /** In bytes; 0 for what is no file. */
  readonly size: number
  /** The target of a link. */
  readonly target: string
}

/** Permissions without setuid, setgid and the sticky bit. Folders stay open to their owner, or nothing could be written into the copy. */
export const permissions = (type: Entry['type'], mode: number): number =>
  type === 'folder' ? (mode & 0o777) | 0o700 : mode & 0o777

/**
 * Whether a link at this path stays within the copied folder: its target is relative, first goes up, but not out of the folder, and then only down. If all
 * links of a folder do so, a chain of them cannot lead out either.
 */
export function staysWithin(path: string, target: string): boolean {
  if (target === '' || posix.isAbsolute(target)) return false
  const steps = target.split('/').filter(step => step !== '' && step !== '.')
  const ups = steps.findIndex(step => step !== '..')
  const up = ups < 0 ? steps.length : ups
  return up < path.split('/').length && !steps.slice(up).includes('..')
}

/** Calls a function for each item, for this many at a time. Waits for all that were begun, then rejects with the first failure. */
export async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>) {
  const left = items.values()
  let failed = false
  const worker = async () => {
    for (const item of left) {
      if (failed) return
      try {
        await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: limit }, worker))
  const end = ends.find(each => each.status === 'rejected')
  if (end) throw end.reason
}
