import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { contentsOf } from '../../../slots/upload/contents.ts'
import type { FileItem, Manifest } from '../../../slots/upload/manifest.ts'
import type { Pack } from '../../../slots/upload/pack.ts'

const exec = promisify(execFile)
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-pack-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** An artifact with two files of this size. */
async function artifact(size: number): Promise<{ path: string }> {
  for (const name of ['a', 'b']) await writeFile(join(folder, name), randomBytes(size))
  const path = join(folder, 'app.tar.gz')
  await exec('tar', ['-czf', path, '-C', folder, 'a', 'b'])
  return { path }
}
const filesOf = (manifest: Manifest) => manifest.filter((item): item is FileItem => item.type === 'file')

async function read(pack: Pack, between: () => Promise<unknown> = async () => undefined) {
  const chunks: Buffer[] = []
  let last = 0
  for await (const { chunk, done } of pack) {
    expect(done).toBeGreaterThanOrEqual(last)
    last = done
    chunks.push(chunk)
    await between()
  }
  return { bytes: Buffer.concat(chunks), done: last }
}

it.each([
  ['memory', 100_000],
  ['a file', 6_000_000],
])('files are packed once for all hosts that lack the same, at the pace of each, in %s', async (_, size) => {
  const contents = contentsOf(await artifact(size))
  const files = filesOf(await contents.manifest())
  const pack = contents.pack(files)
  expect(contents.pack([...files])).toBe(pack)
  expect(contents.pack(files.slice(1))).not.toBe(pack)
  const turn = () => new Promise(resolve => setImmediate(resolve))
  const [fast, slow] = await Promise.all([read(pack), read(pack, turn)])
  const late = await read(pack)
  expect(fast.bytes.equals(slow.bytes) && fast.bytes.equals(late.bytes)).toBe(true)
  expect(fast.done).toBeGreaterThanOrEqual(2 * size)
  const out = join(folder, 'out.tar.gz')
  await writeFile(out, fast.bytes)
  await rm(join(folder, 'a'))
  await exec('tar', ['-xzf', out, '-C', folder, 'a'])
  expect((await readFile(join(folder, 'a'))).length).toBe(size)
})

it('the manifest is packed once', async () => {
  const contents = contentsOf(await artifact(10))
  expect(await contents.packedManifest()).toBe(await contents.packedManifest())
})

it('each host gets the error of an artifact that cannot be read any more', async () => {
  const { path } = await artifact(1_000)
  const contents = contentsOf({ path })
  const files = filesOf(await contents.manifest())
  await rm(path)
  const pack = contents.pack(files)
  await expect(read(pack)).rejects.toThrow('ENOENT')
  await expect(read(pack)).rejects.toThrow('ENOENT')
})

it('a pack that nobody reads any more ends, and the next host gets a new one', async () => {
  const contents = contentsOf(await artifact(6_000_000))
  const files = filesOf(await contents.manifest())
  const pack = contents.pack(files)
  for await (const _ of pack) break
  await expect(read(pack)).rejects.toThrow('aborted')
  const again = contents.pack(files)
  expect(again).not.toBe(pack)
  expect((await read(again)).done).toBeGreaterThanOrEqual(12_000_000)
})
