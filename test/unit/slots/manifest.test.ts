import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, manifestText, readManifest } from '../../../slots/upload/manifest.ts'
import { progress, progressLine } from '../../../slots/upload/progress.ts'
import { missingIn } from '../../../slots/upload/upload.ts'
import { type Entry, handTar } from '../../support/hand-tar.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-manifest-'))
})
afterAll(() => rm(folder, { recursive: true }))

const read = async (bytes: Buffer) => {
  const path = join(folder, 'a.tar.gz')
  await writeFile(path, bytes)
  return readManifest(path)
}
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('the manifest of an artifact', () => {
  it('lists every file with its sha256, every folder and link, and the folders that the archive omits', async () => {
    const manifest = await read(
      handTar([
        { name: './', type: 'folder' },
        { name: './lib/a/b', text: 'hello' },
        { name: 'bin', type: 'folder' },
        { name: 'bin/life', text: '#!/bin/sh\n' },
        { name: 'bin/also', type: 'link', target: 'life' },
        { name: 'bin/same', type: 'hard link', target: 'bin/life' },
      ]),
    )
    expect(manifestText(manifest, 16).split('\n')).toEqual([
      'd\t555\t-\t-\tbin',
      'l\t-\t-\t-\tbin/also\tlife',
      `f\t444\t10\t${sha256('#!/bin/sh\n').slice(0, 16)}\tbin/life`,
      `f\t444\t10\t${sha256('#!/bin/sh\n').slice(0, 16)}\tbin/same`,
      'd\t555\t-\t-\tlib',
      'd\t555\t-\t-\tlib/a',
      `f\t444\t5\t${sha256('hello').slice(0, 16)}\tlib/a/b`,
      '',
    ])
    expect(digestOf(manifest)).toBe(sha256(manifestText(manifest)))
  })

  it('keeps the last of two files of one name', async () => {
    const manifest = await read(
      handTar([
        { name: 'a', text: 'old' },
        { name: 'a', text: 'new' },
      ]),
    )
    expect(manifest).toEqual([{ type: 'file', path: 'a', mode: 0o444, size: 3, sha256: sha256('new'), position: 1 }])
  })

  it.each<[string, number, readonly Entry[]]>([
    ['an absolute name', 41, [{ name: '/a' }]],
    ['".." in a name', 41, [{ name: 'a/../../b' }]],
    ['a link to an absolute place', 42, [{ name: 'a', type: 'link', target: '/etc' }]],
    ['a link that leads outside', 42, [{ name: 'a/b', type: 'link', target: '../../c' }]],
    ['a hard link to a path outside of the archive', 42, [{ name: 'a', type: 'hard link', target: 'etc/passwd' }]],
    ['a file below a link', 42, [{ name: 'a', type: 'link', target: 'b' }, { name: 'a/c' }]],
    ['a device', 43, [{ name: 'a', type: 'device' }]],
    ['a pipe', 43, [{ name: 'a', type: 'pipe' }]],
    ['a line break in a name', 46, [{ name: 'a\nb' }]],
    ['a reserved name', 47, [{ name: './release.json' }]],
  ])('rejects %s', async (_, code, entries) => {
    await expect(read(handTar([{ name: 'first', text: 'x' }, ...entries]))).rejects.toMatchObject({ code })
  })

  it.each([
    ['is truncated', () => handTar([{ name: 'a', text: 'x'.repeat(10_000) }]).subarray(0, 60)],
    ['contains no tar', () => gzipSync('x'.repeat(2_000))],
  ])('cannot be read from an archive that %s', async (_, bytes) => {
    await expect(read(bytes())).rejects.toMatchObject({ code: 44 })
  })
})

describe('the list of missing files', () => {
  it('refers to the lines of the manifest', async () => {
    const manifest = await read(
      handTar([
        { name: 'a', text: '1' },
        { name: 'b/c', text: '2' },
      ]),
    )
    expect(missingIn(manifest, 'missing 3 1')?.map(item => item.path)).toEqual(['b/c', 'a'])
    expect(missingIn(manifest, 'missing')).toEqual([])
    expect(missingIn(manifest, 'there')).toBeUndefined()
    expect(missingIn(manifest, undefined)).toBeUndefined()
    expect(() => missingIn(manifest, 'missing 2')).toThrow('line 2')
    expect(() => missingIn(manifest, 'missing 9')).toThrow('line 9')
  })
})

describe('the progress of an upload', () => {
  it('shows bytes, rate and remaining time', () => {
    expect(progressLine(5_000_000, 20_000_000, 2_000)).toBe('5.0 MB of 20.0 MB, 2.5 MB/s, 6 s left')
    expect(progressLine(20_000_000, 20_000_000, 4_000)).toBe('20.0 MB of 20.0 MB, 5.0 MB/s')
    expect(progressLine(5_000_000, 2_000_000_000, 2_000)).toBe('5.0 MB of 2000.0 MB, 2.5 MB/s, 13 min 18 s left')
    expect(progressLine(100_000, 20_000_000, 3)).toBe('100.0 kB of 20.0 MB')
  })

  it('is reported at intervals, and always at the end', () => {
    const lines: string[] = []
    let now = 0
    const report = progress(
      line => lines.push(line),
      () => now,
    )
    for (let sent = 1; sent <= 100; sent += 1) {
      now += 20
      report(sent * 10_000, 1_000_000)
    }
    expect(lines).toHaveLength(4)
    expect(lines.at(-1)).toBe('1.0 MB of 1.0 MB, 500.0 kB/s')
  })
})
