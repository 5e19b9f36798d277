/** The sample application as an artifact: built from `examples/life` by its own Dockerfile, once for each content and version. */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureBaseImage, proxyArguments, withLock } from './engine.ts'

const run = promisify(execFile)
const source = fileURLToPath(new URL('../examples/life/', import.meta.url))
/** The Dockerfile with its ignore file, and everything that it copies. */
const parts = ['.dockerignore', 'Dockerfile', 'bin', 'config', 'lib', 'mix.exs', 'rel']
const store = join(tmpdir(), `switchyard-life-${process.getuid?.()}`)

/**
 * Resolves to the absolute path of the release tarball of `examples/life` with this version; the file is kept. The first call
 * builds it (some seconds, or a minute with an empty build cache); callers in other processes wait for the first one.
 */
export async function lifeTarball(version: string): Promise<string> {
  const hash = await contentHash(version)
  const tarball = join(store, `life-${version}-${hash}.tar.gz`)
  if (existsSync(tarball)) return tarball
  await ensureBaseImage()
  await withLock(async () => {
    if (!existsSync(tarball)) await build(version, `switchyard-life:${hash}`, tarball)
  })
  return tarball
}

async function build(version: string, image: string, tarball: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-life-'))
  const container = `switchyard-life-${randomUUID()}`
  try {
    for (const part of parts) await cp(join(source, part), join(folder, part), { recursive: true })
    await writeFile(join(folder, 'mix.exs'), await mixFile(version))
    await run('docker', ['build', ...proxyArguments(), '--tag', image, folder], { maxBuffer: 64 * 1024 * 1024 })
    await run('docker', ['create', '--name', container, image])
    const built = join(folder, 'life.tar.gz')
    await run('docker', ['cp', `${container}:/app/_build/prod/life-${version}.tar.gz`, built])
    await mkdir(store, { recursive: true, mode: 0o700 })
    // Copied under another name first, because the temp folder may be another file system, where a rename is not atomic.
    await cp(built, `${tarball}.part`)
    await rename(`${tarball}.part`, tarball)
  } finally {
    await run('docker', ['rm', '--force', container]).catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
}

/** `mix.exs` with another version. Throws if it has no version line, because a tarball of the wrong version would test nothing. */
async function mixFile(version: string): Promise<string> {
  const text = await readFile(join(source, 'mix.exs'), 'utf8')
  const bumped = text.replace(/^(\s*version: ")[^"]*"/m, `$1${version}"`)
  if (!bumped.includes(`version: "${version}"`)) throw new Error('examples/life/mix.exs has no line `version: "..."`')
  return bumped
}

async function contentHash(version: string): Promise<string> {
  const hash = createHash('sha256').update(version)
  for (const part of parts) {
    for (const file of await filesOf(part)) hash.update(`\0${file}\0`).update(await readFile(join(source, file)))
  }
  return hash.digest('hex').slice(0, 12)
}

async function filesOf(part: string): Promise<string[]> {
  const entries = await readdir(join(source, part), { recursive: true, withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return [part]
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(source.length))
    .sort()
}
