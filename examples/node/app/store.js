/** The uploaded files. `uploads` is a link to a shared folder that outlives this release, so both slots have the same files. Tests have another folder. */
import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

export const UPLOADS = process.env.UPLOADS ?? fileURLToPath(new URL('uploads/', import.meta.url))
const MAX_BYTES = 20 * 1024 * 1024

/** A name that can be neither hidden nor in another folder. */
export const isName = name => /^[a-z0-9_][a-z0-9_.-]{0,99}$/i.test(name)

/** The names of all files. */
export const list = async () => (await readdir(`${UPLOADS}files`)).filter(isName).sort()

/** A file as a stream with its size; undefined if there is none. */
export async function read(name) {
  const file = await open(`${UPLOADS}files/${name}`).catch(() => undefined)
  return file && { size: (await file.stat()).size, stream: file.createReadStream() }
}

/** The sha256 of a file; undefined until the worker has it. */
export const digestOf = name => readFile(`${UPLOADS}digests/${name}`, 'utf8').catch(() => undefined)

const changedAt = path =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )

/** The names of the files that the worker has not seen, or not since they were replaced. Empty before the first migration. */
export async function withoutDigest() {
  const names = await list().catch(() => [])
  const since = name => Promise.all([changedAt(`${UPLOADS}files/${name}`), changedAt(`${UPLOADS}digests/${name}`)])
  const times = await Promise.all(names.map(since))
  return names.filter((_, i) => times[i][0] > times[i][1])
}

/** Writes the sha256 of a file. */
export async function digest(name) {
  const hash = createHash('sha256')
  const file = await read(name)
  if (!file) return
  await pipeline(file.stream, hash)
  const part = `${UPLOADS}.${randomUUID()}`
  await mkdir(`${UPLOADS}digests`, { recursive: true })
  await writeFile(part, hash.digest('hex'))
  await rename(part, `${UPLOADS}digests/${name}`)
}

/** Stores a stream as a file. Nobody sees a part of it, because it gets its name once it is complete. */
export async function save(name, stream) {
  const part = `${UPLOADS}.${randomUUID()}`
  try {
    await pipeline(stream, limited, createWriteStream(part))
    await rename(part, `${UPLOADS}files/${name}`)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function* limited(chunks) {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw Object.assign(new Error('The file is too large.'), { status: 413 })
    yield chunk
  }
}
