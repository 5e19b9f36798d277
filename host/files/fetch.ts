/** Copies files of a host to temporary files of this machine, and compares each with the original. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { hostFaults } from '../faults.ts'
import type { CopyOptions } from '../host.ts'
import { type Copying, unreadable } from './copying.ts'
import { FileProblem, type Files, inParallel } from './files.ts'
import { digests } from './locate.ts'

export interface Wanted {
  /** Absolute, on the host. */
  readonly remote: string
  readonly local: string
  /** In bytes, as far as known: it may have changed. */
  readonly size: number
}

export interface Fetched extends Wanted {
  readonly sha256: string
}

/** Files that are copied at a time. */
export const COPIES = 4

/**
 * Resolves to the files that were copied; `gone` gets those that were removed meanwhile.
 *
 * @throws HOST_FILE_UNREADABLE, COPY_DIFFERS
 */
export async function fetchAll(
  copying: Copying,
  files: Files,
  wanted: readonly Wanted[],
  gone: (file: Wanted) => void,
  onProgress: CopyOptions['onProgress'],
): Promise<readonly Fetched[]> {
  const total = wanted.reduce((sum, { size }) => sum + size, 0)
  let copied = 0
  const count = (bytes: number) => {
    copied += bytes
    onProgress?.(Math.min(copied, total), total)
  }
  const attempt = async (some: readonly Wanted[]): Promise<{ right: Fetched[]; wrong: Wanted[] }> => {
    const fetched: Fetched[] = []
    await inParallel(some, COPIES, async file => {
      try {
        await files.fetch(file.remote, file.local, count)
        fetched.push({ ...file, ...(await digestOf(file.local)) })
      } catch (error) {
        if (!(error instanceof FileProblem) || !error.missing) unreadable(copying.host, file.remote)(error)
        await rm(file.local, { force: true })
        gone(file)
      }
    })
    const there = await digests(
      copying,
      fetched.map(({ remote, size }) => ({ path: remote, size })),
    )
    const isRight = (_: Fetched, i: number) => there[i] === fetched[i]?.sha256
    return { right: fetched.filter(isRight), wrong: fetched.filter((file, i) => !isRight(file, i)) }
  }
  const first = await attempt(wanted)
  // A program may have written to them during the copy.
  await Promise.all(first.wrong.map(({ local }) => rm(local)))
  const second = await attempt(first.wrong)
  const [wrong] = second.wrong
  if (wrong) throw hostFaults.COPY_DIFFERS({ host: copying.host, path: wrong.remote })
  return [...first.right, ...second.right]
}

export async function digestOf(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    size += chunk.length
    hash.update(chunk)
  }
  return { size, sha256: hash.digest('hex') }
}
