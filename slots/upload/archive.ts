/** Reads a `.tar.gz` entry by entry, in bounded memory. Only this file knows the tar library. */
import { createReadStream } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { ReadEntry } from 'tar'

const CHUNK = 256 * 1024
const RECORD = 512

/** Whether a file begins as gzip does. One that is not there is no reason to say otherwise. */
export async function isGzip(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return true
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

/**
 * Calls `visit` for each entry, in order; it has to read the entry or `resume` it. An entry that is not read holds back all
 * behind it. Rejects when the file is no whole `.tar.gz`.
 */
export async function eachEntry(
  path: string,
  visit: (entry: ReadEntry, position: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { Parser } = await import('tar')
  let position = 0
  const parser = new Parser({ strict: true, onReadEntry: entry => visit(entry, position++) })
  // What the library does not know is passed on too: to leave it out would be another artifact.
  parser.on('ignoredEntry', (entry: ReadEntry) => visit(entry, position++))
  await pipeline(
    createReadStream(path, { highWaterMark: CHUNK }),
    createGunzip({ chunkSize: CHUNK }),
    parser as unknown as Writable,
    { ...(signal && { signal }) },
  )
}

/** Packs a folder as a `.tar.gz`: in the order of the names and without owners and times, so that the same content is the same file. */
export async function packFolder(folder: string, target: string): Promise<void> {
  const { create } = await import('tar')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort()
  await create(
    { file: target, cwd: folder, gzip: true, portable: true, noDirRecurse: true, mtime: new Date(0) },
    names.map(name => `./${name}`),
  )
}

/** A tar of regular files, taken from some positions of an archive, under the names that are given for them. */
export function filesAsTar(path: string, chosen: ReadonlyMap<number, string>): Readable {
  const out = new PassThrough({ highWaterMark: CHUNK })
  const gone = new AbortController()
  out.once('close', () => gone.abort())
  import('tar')
    .then(async ({ Header, Pax }) => {
      const visit = (entry: ReadEntry, position: number) => {
        const name = chosen.get(position)
        if (name === undefined) return void entry.resume()
        const { size, mtime } = entry
        const about = { path: name, size, mode: 0o644, type: 'File' as const, ...(mtime && { mtime }) }
        const header = new Header(about)
        const block = Buffer.alloc(RECORD)
        if (header.encode(block)) out.write(new Pax(about).encode())
        out.write(block)
        entry.on('data', chunk => {
          if (out.write(chunk)) return
          entry.pause()
          out.once('drain', () => entry.resume())
        })
        entry.on('end', () => out.write(Buffer.alloc((RECORD - (size % RECORD)) % RECORD)))
      }
      await eachEntry(path, visit, gone.signal)
      out.end(Buffer.alloc(2 * RECORD))
    })
    .catch((error: Error) => out.destroy(error))
  return out
}
