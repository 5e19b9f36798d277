/** A folder as the artifact, such as `_build/prod/rel/life`: packed here, alike each time, so that the same content is the same release. */
import { randomBytes } from 'node:crypto'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../../slots/contracts.ts'
import { packFolder } from '../../slots/upload/archive.ts'
import { artifactAt, keep, storeOf } from './artifact.ts'

/** As `artifactAt`, of a tarball or of a folder; that becomes a tarball in the store of its application. */
export async function artifactOf(app: string, path: string, version: string, source: string): Promise<Artifact> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory()
  if (!isFolder) return artifactAt(path, version, source)
  const draft = join(storeOf(app), `.pack-${randomBytes(6).toString('hex')}`)
  await mkdir(storeOf(app), { recursive: true, mode: 0o700 })
  try {
    await packFolder(path, draft)
    return await keep(await artifactAt(draft, version, source), app)
  } finally {
    await rm(draft, { force: true })
  }
}
