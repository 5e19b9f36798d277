/** Tarballs on this machine: looked at, hashed, kept. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Artifact } from '../../slots/contracts.ts'
import { buildFaults } from './faults.ts'
import { steadily } from './process.ts'

/** Artifacts of an application that stay on this machine. */
const KEPT = 5

/** What a dry run gives for an artifact that was not made. */
export const NOT_MADE = '0'.repeat(64)

/** Of a gzipped tarball, 64 hex digits. Throws `ARTIFACT_MISSING` or `ARTIFACT_NO_TARBALL`. */
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

/** The commit that a folder is at, `-dirty` when it holds something else; undefined outside of git. */
export async function revisionOf(folder: string): Promise<string | undefined> {
  const git = (...words: string[]) => steadily(['git', '-C', folder, ...words])
  const [head, changes] = await Promise.all([git('rev-parse', 'HEAD'), git('status', '--porcelain', '--', '.')])
  if (head.code !== 0 || changes.code !== 0) return undefined
  return `${head.stdout.trim()}${changes.stdout === '' ? '' : '-dirty'}`
}

/** An artifact of a tarball where it stands. `source` is the folder that it was made of. */
export async function artifactAt(path: string, version: string, source: string): Promise<Artifact> {
  const [sha256, revision] = await Promise.all([sha256Of(path), revisionOf(source)])
  return { path, version, sha256, ...(revision !== undefined && { revision }) }
}

/** Where the artifacts of an application stay until newer ones take their place: in the user's cache. */
export const storeOf = (app: string): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'switchyard', app)

/** Moves a tarball into the store of its application, named by version and content, and lets go of old ones. */
export async function keep(made: Artifact, app: string): Promise<Artifact> {
  const store = storeOf(app)
  const path = join(store, `${app}-${made.version}-${made.sha256.slice(0, 7)}.tar.gz`)
  await mkdir(store, { recursive: true, mode: 0o700 })
  await utimes(made.path, new Date(), new Date())
  await rename(made.path, path)
  const names = (await readdir(store)).filter(name => name.endsWith('.tar.gz'))
  const ages = await Promise.all(names.map(async name => ({ name, at: (await stat(join(store, name))).mtimeMs })))
  const old = ages.sort((a, b) => b.at - a.at).slice(KEPT)
  await Promise.all(old.map(({ name }) => rm(join(store, name), { force: true })))
  return { ...made, path }
}

/** The one file that a path means whose last part may hold `*` and `?`. Throws `ARTIFACT_MISSING` or `ARTIFACT_AMBIGUOUS`. */
export async function theOne(path: string): Promise<string> {
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
