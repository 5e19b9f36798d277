/** Artifacts on this machine: find, hash and store tarballs. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { runDetached } from '../../runner/detached.ts'
import type { Artifact } from '../../slots/contracts.ts'
import { buildFaults } from './faults.ts'

/** Number of artifacts per application that are kept on this machine. */
const MAX_STORED = 5

/** The sha256 of the artifact that a dry run would have built. */
export const DRY_RUN_SHA256 = '0'.repeat(64)

/**
 * The sha256 of a gzipped tarball, 64 hex digits.
 *
 * @throws `ARTIFACT_MISSING`, `ARTIFACT_NO_TARBALL`
 */
export async function sha256Of(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw buildFaults.ARTIFACT_MISSING({ path })
  const hash = createHash('sha256')
  let start = Buffer.alloc(0)
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    if (start.length < 2) start = Buffer.concat([start, chunk.subarray(0, 2)])
    hash.update(chunk)
  }
  if (start[0] !== 0x1f || start[1] !== 0x8b) throw buildFaults.ARTIFACT_NO_TARBALL({ path })
  return hash.digest('hex')
}

/** The git commit of a folder, with `-dirty` appended if the folder has uncommitted changes; undefined outside a git repository. */
export async function revisionOf(folder: string): Promise<string | undefined> {
  const git = (...args: string[]) => runDetached(['git', '-C', folder, ...args])
  const [head, changes] = await Promise.all([git('rev-parse', 'HEAD'), git('status', '--porcelain', '--', '.')])
  if (head.code !== 0 || changes.code !== 0) return undefined
  return `${head.stdout.trim()}${changes.stdout === '' ? '' : '-dirty'}`
}

/** Makes an artifact of a tarball without moving it. `source` is the folder that it was built from. */
export async function tarballArtifact(path: string, version: string, source: string): Promise<Artifact> {
  const [sha256, revision] = await Promise.all([sha256Of(path), revisionOf(source)])
  return { path, version, sha256, ...(revision !== undefined && { revision }) }
}

/** The folder in the user's cache in which the latest artifacts of an application are kept. */
export const storeFolder = (app: string): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'switchyard', app)

/** Moves a tarball into the store of its application, under a name with its version and hash, and deletes the oldest ones. */
export async function storeArtifact(made: Artifact, app: string): Promise<Artifact> {
  const store = storeFolder(app)
  const path = join(store, `${app}-${made.version}-${made.sha256.slice(0, 7)}.tar.gz`)
  await mkdir(store, { recursive: true, mode: 0o700 })
  await utimes(made.path, new Date(), new Date())
  await rename(made.path, path)
  const names = (await readdir(store)).filter(name => name.endsWith('.tar.gz'))
  const ages = await Promise.all(names.map(async name => ({ name, at: (await stat(join(store, name))).mtimeMs })))
  const old = ages.sort((a, b) => b.at - a.at).slice(MAX_STORED)
  await Promise.all(old.map(({ name }) => rm(join(store, name), { force: true })))
  return { ...made, path }
}

/**
 * Resolves a path whose last segment may contain `*` and `?` to the one file that matches.
 *
 * @throws `ARTIFACT_MISSING`, `ARTIFACT_AMBIGUOUS`
 */
export async function resolveArtifactPath(path: string): Promise<string> {
  const name = basename(path)
  if (!/[*?]/.test(name)) return path
  const pattern = name
    .replace(/[\\^$.+()|[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const names = await readdir(dirname(path)).catch(() => [])
  const [found, ...more] = names.filter(entry => new RegExp(`^${pattern}$`).test(entry)).sort()
  if (found === undefined) throw buildFaults.ARTIFACT_MISSING({ path })
  if (more.length > 0) throw buildFaults.ARTIFACT_AMBIGUOUS({ artifact: path, found: [found, ...more] })
  return join(dirname(path), found)
}
