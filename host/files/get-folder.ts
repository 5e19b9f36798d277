/** `Host.getFolder`: copies a folder of the host to this machine. */
import { chmod, mkdir, rename, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { hostFaults } from '../faults.ts'
import type { CopiedFolder, CopyOptions } from '../host.ts'
import { quote } from '../script.ts'
import { type Copying, unreadable } from './copying.ts'
import { fetchAll } from './fetch.ts'
import { type Entry, permissions } from './files.ts'
import { locate } from './locate.ts'
import { inStaging, kindOf, writing } from './staging.ts'
import { walkRemote } from './walk.ts'

export async function getFolder(
  copying: Copying,
  remote: string,
  local: string,
  { onProgress }: CopyOptions = {},
): Promise<CopiedFolder> {
  const target = resolve(local)
  const there = await writing(local, kindOf(target, true))
  if (there === 'other') throw hostFaults.LOCAL_FILE_UNWRITABLE({ path: local, reason: 'it is not a folder' })
  const { path: root, mode } = await locate(copying, remote, 'folder')
  // Inside an existing folder, because that may be on another disk than the folder around it.
  return inStaging(there === 'folder' ? target : dirname(target), local, async staging => {
    const { entries, skipped, bytes } = await copying.withFiles(`getFolder ${quote(remote)}`, async files => {
      const walked = await walkRemote(files, copying.host, root, mode).catch(unreadable(copying.host, remote))
      const wanted = walked.entries.flatMap(({ type, path, size }, i) =>
        type === 'file' ? [{ remote: join(root, path), local: join(staging, String(i)), size, path }] : [],
      )
      const gone = new Set<string>()
      const fetched = await fetchAll(copying, files, wanted, ({ remote }) => void gone.add(remote), onProgress)
      const left = walked.entries.map(entry => (gone.has(join(root, entry.path)) ? undefined : entry))
      const removed = [...gone].map(path => ({
        path: path.slice(join(root, 'x').length - 1),
        reason: 'it was removed during the copy',
      }))
      return {
        entries: left,
        skipped: [...walked.skipped, ...removed],
        bytes: fetched.reduce((sum, { size }) => sum + size, 0),
      }
    })
    const tree = there === 'folder' ? target : join(staging, 'tree')
    for (const [i, entry] of entries.entries())
      if (entry) await place(entry, join(staging, String(i)), tree, there === 'folder')
    if (there === 'nothing') await writing(local, rename(tree, target))
    return { files: entries.filter(entry => entry?.type === 'file').length, bytes, skipped }
  })
}

/** Gives a copied file its name, with one rename. A link in the place of a folder is not followed: it may lead out of the tree. */
async function place({ type, path, mode, target }: Entry, copy: string, tree: string, merging: boolean): Promise<void> {
  const at = join(tree, path)
  const put = async () => {
    if (type === 'folder') {
      const there = await kindOf(at, merging && path === '.')
      if (there === 'other') throw new Error('there is something else than a folder')
      if (there === 'nothing') await mkdir(at)
      if (there === 'nothing') await chmod(at, permissions(type, mode))
      return
    }
    if (type === 'link') await symlink(target, copy)
    else await chmod(copy, permissions(type, mode))
    await rename(copy, at)
  }
  await writing(at, put())
}
