/** Reads a `.tar.gz` entry by entry, in bounded memory. The only module that uses the tar library. */
import { createReadStream } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { ReadEntry } from 'tar'

const CHUNK = 256 * 1024
const RECORD = 512

/** Whether a file starts with the gzip magic bytes. True for a file that cannot be opened: the error is then reported where it is read. */
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
 * Calls `visit` for each entry, in order. `visit` must read the entry or call `resume` on it, or parsing stalls.
 * @throws if the file is not a complete `.tar.gz`.
 */
export async function eachEntry(
  path: string,
  visit: (entry: ReadEntry, position: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { Parser } = await import('tar')
  let position = 0
  const parser = new Parser({ strict: true, onReadEntry: entry => visit(entry, position++) })
  // Entry types unknown to the library are visited too, so that they are refused and not silently dropped.
  parser.on('ignoredEntry', (entry: ReadEntry) => visit(entry, position++))
  await pipeline(
    createReadStream(path, { highWaterMark: CHUNK }),
    createGunzip({ chunkSize: CHUNK }),
    parser as unknown as Writable,
    { ...(signal && { signal }) },
  )
}

/**
 * Packs a folder as a reproducible `.tar.gz`: sorted by name, without owners and times.
 *
 * @param wanted whether to pack an entry, by its path in the folder
 */
export async function packFolder(
  folder: string,
  target: string,
  wanted: (path: string) => boolean = () => true,
): Promise<void> {
  const { create } = await import('tar')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter(wanted)
    .sort()
  await create(
    { file: target, cwd: folder, gzip: true, portable: true, noDirRecurse: true, mtime: new Date(0) },
    names.map(name => `./${name}`),
  )
}

/** Unpacks a `.tar` or `.tar.gz` into a folder. Names and links that lead out of the folder are left out. */
export async function unpackTo(archive: string, folder: string): Promise<void> {
  const { extract } = await import('tar')
  await extract({ file: archive, cwd: folder, strict: true })
}

/** A tar of selected regular files of an archive. `chosen` maps the position of an entry to its name in the new tar. */
export function filesAsTar(path: string, chosen: ReadonlyMap<number, string>): Readable {
  const out = new PassThrough({ highWaterMark: CHUNK })
  const closed = new AbortController()
  out.once('close', () => closed.abort())
  import('tar')
    .then(async ({ Header, Pax }) => {
      const visit = (entry: ReadEntry, position: number) => {
        const name = chosen.get(position)
        if (name === undefined) return void entry.resume()
        const { size, mtime } = entry
        const fields = { path: name, size, mode: 0o644, type: 'File' as const, ...(mtime && { mtime }) }
        const header = new Header(fields)
        const block = Buffer.alloc(RECORD)
        if (header.encode(block)) out.write(new Pax(fields).encode())
        out.write(block)
        entry.on('data', chunk => {
          if (out.write(chunk)) return
          entry.pause()
          out.once('drain', () => entry.resume())
        })
        entry.on('end', () => out.write(Buffer.alloc((RECORD - (size % RECORD)) % RECORD)))
      }
      await eachEntry(path, visit, closed.signal)
      out.end(Buffer.alloc(2 * RECORD))
    })
    .catch((error: Error) => out.destroy(error))
  return out
}
