/** What is below a folder, on this machine or on a host. */
import type { Stats } from 'node:fs'
import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hostFaults, systemReason } from '../faults.ts'
import type { CopiedFolder, ListedFile } from '../host.ts'
import { unreadable } from './copying.ts'
import { type Entry, FileProblem, type Files, inParallel, staysWithin } from './files.ts'

export interface Walked {
  /** A folder comes before what is in it; the first is the folder itself. */
  readonly entries: readonly Entry[]
  readonly skipped: CopiedFolder['skipped']
}

/** Folders that are listed at a time. */
const LISTINGS = 8

export const describe = (stats: Stats): Omit<ListedFile, 'name'> => ({
  type: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other',
  size: stats.size,
  mode: stats.mode & 0o7777,
  modified: stats.mtime,
})

/** @throws HOST_FILE_UNREADABLE, HOST_NAME_UNSAFE, FileProblem */
export async function walkRemote(files: Files, host: string, root: string, mode: number): Promise<Walked> {
  return walk(mode, {
    async list(path) {
      const found = await files.list(join(root, path)).catch((error: unknown) => {
        if (path !== '.' && error instanceof FileProblem && error.missing) throw error
        return unreadable(host, join(root, path))(error)
      })
      const unsafe = found.find(({ name }) => name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
      if (unsafe) throw hostFaults.HOST_NAME_UNSAFE({ host, path: join(root, path), name: unsafe.name })
      return found
    },
    readlink: path => files.readlink(join(root, path)),
  })
}

/** @throws LOCAL_FILE_UNREADABLE */
export async function walkLocal(root: string): Promise<Walked> {
  let at = root
  try {
    const top = await stat(root)
    if (!top.isDirectory()) throw new Error('it is not a folder; use `host.put` for a file')
    return await walk(top.mode & 0o7777, {
      async list(path) {
        at = join(root, path)
        const names = await readdir(at)
        return Promise.all(names.map(async name => ({ name, ...describe(await lstat(join(root, path, name))) })))
      },
      readlink: path => readlink(join(root, path)),
    })
  } catch (error) {
    throw hostFaults.LOCAL_FILE_UNREADABLE({ path: at, reason: systemReason(error as Error) }, error)
  }
}

interface Source {
  list(path: string): Promise<readonly ListedFile[]>
  readlink(path: string): Promise<string>
}

async function walk(mode: number, { list, readlink }: Source): Promise<Walked> {
  const entries: Entry[] = []
  const skipped: { path: string; reason: string }[] = []
  let level: Entry[] = [{ type: 'folder', path: '.', mode, size: 0, target: '' }]
  while (level.length > 0) {
    entries.push(...level)
    const next: Entry[] = []
    await inParallel(level, LISTINGS, async ({ path: folder }) => {
      const found = await list(folder).catch(vanished(folder, skipped, []))
      for (const { name, type, size, mode } of found) {
        const path = folder === '.' ? name : `${folder}/${name}`
        const skip = (reason: string) => skipped.push({ path, reason })
        if (name.includes('\uFFFD')) skip('its name is not UTF-8')
        else if (type === 'folder') next.push({ type, path, mode, size: 0, target: '' })
        else if (type === 'file') entries.push({ type, path, mode, size, target: '' })
        else if (type === 'link') {
          const target = await readlink(path).catch(vanished(path, skipped, undefined))
          if (target === undefined) continue
          if (staysWithin(path, target)) entries.push({ type, path, mode, size: 0, target })
          else skip('it is a link that leads out of the folder')
        } else skip('it is neither a file nor a folder')
      }
    })
    level = next
  }
  return { entries, skipped: skipped.sort((a, b) => (a.path < b.path ? -1 : 1)) }
}

/** Something that is removed during the walk is left out, except the folder itself. */
export const vanished =
  <T>(path: string, skipped: { path: string; reason: string }[], instead: T) =>
  (error: unknown): T => {
    if (path === '.' || !(error instanceof FileProblem) || !error.missing) throw error
    skipped.push({ path, reason: 'it was removed during the copy' })
    return instead
  }
