/** The files of this machine as those of a host. */
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemReason } from '../faults.ts'
import { FileProblem, type Files } from './files.ts'
import { describe } from './walk.ts'

export function localFiles(): Files {
  const closing = new AbortController()
  const copy = (from: string, to: string, onBytes: (count: number) => void) => {
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        onBytes(chunk.length)
        done(null, chunk)
      },
    })
    const writer = createWriteStream(to, { flags: 'wx', mode: 0o600 })
    return explained(pipeline(createReadStream(from), count, writer, { signal: closing.signal }))
  }
  return {
    list: folder =>
      explained(
        readdir(folder).then(names =>
          Promise.all(names.map(async name => ({ name, ...describe(await lstat(join(folder, name))) }))),
        ),
      ),
    readlink: path => explained(readlink(path)),
    fetch: copy,
    send: copy,
    close: () => closing.abort(),
  }
}

const explained = <T>(operation: Promise<T>): Promise<T> =>
  operation.catch((error: NodeJS.ErrnoException) => {
    throw new FileProblem(systemReason(error), error.code === 'ENOENT', error)
  })
