/** A `.tar.gz` of the files that hosts lack. It is packed once, and each host reads it as far as it is packed, so a slow host delays no other. */
import { closeSync, mkdtempSync, openSync, read as readCallback, rmSync, write as writeCallback } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import { deferred } from '../../runner/promises.ts'
import { filesAsTar } from './archive.ts'
import { type FileItem, sizeOf } from './manifest.ts'

const read = promisify(readCallback)
const write = promisify(writeCallback)

/** A part of the pack, and how many bytes of the files were read when it was complete. */
export interface PackPart {
  readonly chunk: Buffer
  readonly done: number
}

/** Each iteration begins with the first part. */
export type Pack = AsyncIterable<PackPart>

const CHUNK = 64 * 1024
/** Bytes of files whose pack stays in memory; a larger one is in a temporary file. */
const IN_MEMORY = 8 * 1024 * 1024

interface Store {
  put(chunk: Buffer): Promise<void>
  get(i: number): Promise<Buffer>
}

/**
 * @param path the artifact
 * @param onAbandon called if nobody reads it any more before it is complete, as after an interruption
 */
export function packOf(path: string, files: readonly FileItem[], onAbandon: () => void = () => undefined): Pack {
  const store = sizeOf(files) > IN_MEMORY ? inFile() : inMemory()
  /** `done` of each part that is packed. */
  const parts: number[] = []
  let next = deferred()
  let ended: { readonly error?: unknown } | undefined
  let done = 0
  let readers = 0
  const abandoned = new AbortController()
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      done += chunk.length
      pass(null, chunk)
    },
  })
  const wake = () => {
    next.resolve()
    next = deferred()
  }
  const packing = pipeline(
    filesAsTar(path, new Map(files.map(item => [item.position, item.path]))),
    counted,
    createGzip({ level: 9, chunkSize: CHUNK }),
    async packed => {
      for await (const chunk of packed) {
        await store.put(chunk)
        parts.push(done)
        wake()
      }
    },
    { signal: abandoned.signal },
  )
  packing
    .then(
      () => {
        ended = {}
      },
      (error: unknown) => {
        ended = { error }
      },
    )
    .finally(wake)
  return {
    async *[Symbol.asyncIterator]() {
      readers += 1
      try {
        for (let i = 0; ; ) {
          const part = parts[i]
          if (part !== undefined) yield { chunk: await store.get(i++), done: part }
          else if (ended === undefined) await next.promise
          else if ('error' in ended) throw ended.error
          else return
        }
      } finally {
        readers -= 1
        if (readers === 0 && ended === undefined) {
          onAbandon()
          abandoned.abort()
        }
      }
    },
  }
}

function inMemory(): Store {
  const chunks: Buffer[] = []
  return {
    async put(chunk) {
      chunks.push(chunk)
    },
    get: async i => chunks[i] ?? Buffer.alloc(0),
  }
}

/** In a file without a name, which is gone when this process ends. */
function inFile(): Store {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-pack-'))
  const file = openSync(join(folder, 'pack'), 'wx+', 0o600)
  rmSync(folder, { recursive: true })
  process.once('exit', () => closeSync(file))
  const places: { readonly at: number; readonly length: number }[] = []
  let end = 0
  return {
    async put(chunk) {
      for (let from = 0; from < chunk.length; )
        from += (await write(file, chunk, from, chunk.length - from, end + from)).bytesWritten
      places.push({ at: end, length: chunk.length })
      end += chunk.length
    },
    async get(i) {
      const { at, length } = places[i] ?? { at: 0, length: 0 }
      return (await read(file, Buffer.alloc(length), 0, length, at)).buffer
    },
  }
}
