/**
 * Packs a folder, such as `_build/prod/rel/life`, into a reproducible tarball: the same content always makes the same release. The repository of a checkout
 * is no content.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../../slots/contracts.ts'
import { packFolder } from '../../slots/upload/archive.ts'
import { storeArtifact, storeFolder, tarballArtifact } from './artifact.ts'

/** Whether a path is outside of `.git`, which is a folder in a clone and a file in a worktree or a submodule. */
export const withoutGit = (path: string): boolean => !path.split('/').includes('.git')

/** Makes an artifact of a tarball or of a folder. A folder is packed into the store of its application. */
export async function artifactFrom(app: string, path: string, version: string, source: string): Promise<Artifact> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory()
  if (!isFolder) return tarballArtifact(path, version, source)
  const draft = join(storeFolder(app), `.pack-${randomBytes(6).toString('hex')}`)
  await mkdir(storeFolder(app), { recursive: true, mode: 0o700 })
  try {
    await packFolder(path, draft, withoutGit)
    return await storeArtifact(await tarballArtifact(draft, version, source), app)
  } finally {
    await rm(draft, { force: true })
  }
}
