/** Makes releases to upload: variants of the sample application, and synthetic ones of any size. */
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Runs bash in its own process, so that no data passes through this one while it measures. */
const shell = (script: string, ...args: string[]) => run('bash', ['-euo', 'pipefail', '-c', script, 'bash', ...args])

/** Makes a copy of a release with one additional small file: the same version, but a different content hash and so a different release. */
export async function variant(tarball: string, folder: string, stamp: string): Promise<string> {
  const target = join(folder, `variant-${stamp}.tar.gz`)
  const work = await mkdtemp(join(folder, 'variant-'))
  await writeFile(join(work, 'variant'), stamp)
  await shell(
    'gzip -dc "$1" > "$2/tar"; tar -rf "$2/tar" -C "$2" variant; gzip -c "$2/tar" > "$3"',
    tarball,
    work,
    target,
  )
  await rm(work, { recursive: true, force: true })
  return target
}

export interface Shape {
  /** Total size of all files, unpacked. */
  readonly bytes: number
  readonly files: number
}

export interface Pair {
  readonly first: string
  /** The same release with one file changed. */
  readonly bumped: string
}

/** Makes a release of files of equal size, half random bytes and half zeros: they compress to about half their size, like compiled code. */
export async function synthetic(folder: string, { bytes, files }: Shape): Promise<Pair> {
  const name = `${Math.round(bytes / 1e6)}mb-${files}`
  const root = join(folder, name)
  const size = Math.floor(bytes / files)
  const content = () => {
    const buffer = Buffer.alloc(size)
    return randomFillSync(buffer, 0, Math.ceil(size / 2))
  }
  const path = (i: number) => join(root, `lib-${i % 40}`, `file-${i}`)
  for (let i = 0; i < Math.min(40, files); i += 1) await mkdir(join(root, `lib-${i}`), { recursive: true })
  for (let i = 0; i < files; i += 1) await writeFile(path(i), content())
  const pack = async (to: string) => {
    await shell('tar -cf - -C "$1" . | gzip -1 > "$2"', root, to)
    return to
  }
  const first = await pack(join(folder, `${name}-1.tar.gz`))
  await writeFile(path(0), content())
  const bumped = await pack(join(folder, `${name}-2.tar.gz`))
  await rm(root, { recursive: true, force: true })
  return { first, bumped }
}
