/** Releases to send: the sample application with one module more or less, and folders of any size. */
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** In its own process: a pipe through this one would cost the time that is measured. */
const shell = (script: string, ...words: string[]) => run('bash', ['-euo', 'pipefail', '-c', script, 'bash', ...words])

/** A copy of a release with one small file more: the same version with another content, so that it is a release of its own. */
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
  /** Of all files together, unpacked. */
  readonly bytes: number
  readonly files: number
}

export interface Pair {
  readonly first: string
  /** The same with one file changed. */
  readonly bumped: string
}

/** Files of one size, half of it noise and half of it zeros: they pack to about a half, as compiled code does. */
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
