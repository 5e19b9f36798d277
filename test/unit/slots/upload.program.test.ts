import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmod,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import type { RunOptions, Script } from '../../../host/script.ts'
import { deferred } from '../../../runner/promises.ts'
import type { Artifact } from '../../../slots/contracts.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { sharedPaths } from '../../../slots/shared.ts'
import { contentsOf } from '../../../slots/upload/contents.ts'
import { releaseOf } from '../../../slots/upload/release.ts'
import { uploadOf } from '../../../slots/upload/upload.ts'
import { type Entry, handTar } from '../../support/hand-tar.ts'

const exec = promisify(execFile)

/** This machine: the scripts only work with files. Sent bytes are counted in `sent`. */
let host: Host
let folders: Layout
let source: string
let sent: number
let ids = 0

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'switchyard-upload-'))
  folders = layout(join(root, 'app'))
  source = join(root, 'source')
  await mkdir(folders.releases, { recursive: true })
  await mkdir(source)
  const open = await local().open({ signal: new AbortController().signal, confirm: async () => false })
  const counted = async function* (pieces: Pieces) {
    for await (const piece of pieces) {
      sent += piece.length
      yield piece
    }
  }
  host = {
    ...open,
    run: (script: Script, options: RunOptions = {}) =>
      open.run(script, { ...options, ...(typeof options.input === 'object' && { input: counted(options.input) }) }),
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  }
  sent = 0
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  // A release is read-only, so it cannot be removed without this.
  await exec('chmod', ['-R', 'u+w', dirname(source)])
  await rm(dirname(source), { recursive: true, force: true })
})

const put = async (files: Record<string, string | Buffer>, mode = 0o644) => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(source, path)), { recursive: true })
    await writeFile(join(source, path), content)
    await chmod(join(source, path), mode)
  }
}
const noise = (bytes: number) => randomBytes(bytes)

async function pack(version: string, ...options: string[]) {
  const path = join(dirname(source), `${version}.tar.gz`)
  await exec('tar', ['-czf', path, '-C', source, ...options, '.'])
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  return { path, version, sha256 }
}

const upload = async (version: string, on: Host = host) => send(await pack(version), on)

async function send(artifact: Artifact, on: Host) {
  const release = releaseOf(artifact, folders)
  const lines: string[] = []
  sent = 0
  const deploy = { id: `d${ids++}`, by: 'me' }
  const log = (line: string) => void lines.push(line)
  const deps = { host: on, layout: folders, deploy: deploy as never, dryRun: false }
  const fresh = await uploadOf(deps, artifact, contentsOf(artifact)).send(log)
  return { fresh, release, lines, artifact }
}
const same = (dir: string) =>
  exec('diff', ['-r', '--no-dereference', '-x', '.manifest', '-x', 'release.json', source, dir])

describe('an upload', () => {
  it('creates every file, folder and link of the artifact with its mode', async () => {
    await put({ 'bin/life': '#!/bin/sh\n' }, 0o755)
    await put({ 'lib/a b/it\'s "q" $HOME \\n.txt': 'odd', 'lib/ü/x': 'y', 'lib/empty': '', '-rf': 'dash' })
    await put({ 'secret/key': 'k' }, 0o600)
    await mkdir(join(source, 'tmp/deep'), { recursive: true })
    await symlink('life', join(source, 'bin/also'))
    await symlink('../lib', join(source, 'bin/lib'))
    await link(join(source, 'bin/life'), join(source, 'lib/hard'))
    const { fresh, release } = await upload('1.0')
    expect(fresh).toBe(true)
    await same(release.dir)
    expect(await readlink(join(release.dir, 'bin/also'))).toBe('life')
    const modes = await Promise.all(
      ['bin/life', 'lib/hard', 'secret/key', '-rf', 'tmp/deep'].map(
        async path => (await stat(join(release.dir, path))).mode & 0o7777,
      ),
    )
    expect(modes).toEqual([0o555, 0o555, 0o400, 0o444, 0o555])
    expect(JSON.parse(await readFile(join(release.dir, 'release.json'), 'utf8'))).toMatchObject({
      version: '1.0',
      by: 'me',
    })
    expect(await readdir(folders.releases)).toEqual([release.name])
  })

  it('replaces a release that was partly removed', async () => {
    await put({ 'bin/life': noise(1_000) })
    const { release } = await upload('1.0')
    await exec('chmod', ['-R', 'u+w', release.dir])
    await rm(join(release.dir, 'release.json'))
    await rm(join(release.dir, 'bin/life'))
    await upload('1.0')
    await same(release.dir)
    expect(await readdir(folders.releases)).toEqual([release.name])
  })

  it('keeps shared paths across releases, initialised from the first artifact', async () => {
    folders = layout(folders.root, ['storage', 'priv/key'])
    await put({ 'bin/life': '1', 'storage/first': '1', 'priv/key': 'k', 'priv/more': 'm' })
    const { release } = await upload('1.0')
    expect(await readlink(join(release.dir, 'storage'))).toBe(join(folders.root, 'shared/storage'))
    expect(await readFile(join(release.dir, 'priv/key'), 'utf8')).toBe('k')
    await writeFile(join(release.dir, 'storage/upload'), 'u')
    await writeFile(join(release.dir, 'priv/key'), 'other')
    await put({ 'bin/life': '2', 'storage/first': '2' })
    const { release: second } = await upload('2.0')
    expect((await readdir(join(second.dir, 'storage'))).sort()).toEqual(['first', 'upload'])
    expect(await readFile(join(second.dir, 'storage/first'), 'utf8')).toBe('1')
    expect(await readFile(join(second.dir, 'priv/key'), 'utf8')).toBe('other')
    expect(await readFile(join(second.dir, 'priv/more'), 'utf8')).toBe('m')
    expect((await readdir(folders.releases)).sort()).toEqual([release.name, second.name])
  })

  it('creates a shared path that is not in the artifact as a folder', async () => {
    folders = layout(folders.root, ['var/uploads'])
    await put({ 'bin/life': '1' })
    const { release } = await upload('1.0')
    expect((await stat(join(release.dir, 'var/uploads'))).isDirectory()).toBe(true)
  })

  it('creates a shared file as an empty one that others cannot read, or as the artifact has it', async () => {
    folders = layout(
      folders.root,
      sharedPaths([{ file: '.htpasswd' }, { file: 'db/live.sqlite3' }, { file: 'config/extra.json' }]),
    )
    await put({ 'bin/life': '1', 'config/extra.json': '{}', 'db/seeds': 's' })
    const { release } = await upload('1.0')
    for (const path of ['.htpasswd', 'db/live.sqlite3']) {
      const found = await stat(join(release.dir, path))
      expect([found.isFile(), found.size, found.mode & 0o777], path).toEqual([true, 0, 0o600])
    }
    expect(await readFile(join(release.dir, 'config/extra.json'), 'utf8')).toBe('{}')
    expect(await readFile(join(release.dir, 'db/seeds'), 'utf8')).toBe('s')
    await writeFile(join(release.dir, '.htpasswd'), 'me:secret')
    await put({ 'bin/life': '2' })
    const { release: second } = await upload('2.0')
    expect(await readFile(join(second.dir, '.htpasswd'), 'utf8')).toBe('me:secret')
    expect((await readdir(folders.shared.dir)).sort()).toEqual(['.htpasswd', 'config', 'db'])
  })

  it('refuses to guess what a shared path is that looks like a file', async () => {
    folders = layout(folders.root, sharedPaths(['.htpasswd']))
    await put({ 'bin/life': '1' })
    await expect(upload('1.0')).rejects.toMatchObject({
      code: 'SHARED_UNCLEAR',
      exitCode: 3,
      message: expect.stringMatching(/^`shared` lists "\.htpasswd".* neither 1\.0-\w{7} nor /),
      hint: expect.stringContaining("`{ file: '.htpasswd' }`"),
    })
    expect(await readdir(folders.releases)).toEqual([])
    await put({ '.htpasswd': 'me:x' })
    const { release } = await upload('1.1')
    expect(await readFile(join(release.dir, '.htpasswd'), 'utf8')).toBe('me:x')
    // One that is there is what it is.
    await rm(join(source, '.htpasswd'))
    await upload('1.2')
  })

  it('makes a folder of one whose path ends with a slash', async () => {
    folders = layout(folders.root, sharedPaths(['config/live.d/', '.cache/']))
    await put({ 'bin/life': '1' })
    const { release } = await upload('1.0')
    expect((await stat(join(release.dir, '.cache'))).isDirectory()).toBe(true)
  })

  it.each([
    ['on the host', (place: string) => mkdir(place, { recursive: true }), /app\/shared\/\.htpasswd on .* is a folder/],
    ['in the release', () => put({ '.htpasswd/a': '1' }), /it is a folder in 1\.0-/],
  ])('refuses a folder %s in the place of a shared file', async (_, prepare, message) => {
    folders = layout(folders.root, sharedPaths([{ file: '.htpasswd' }]))
    await put({ 'bin/life': '1' })
    await prepare(join(folders.shared.dir, '.htpasswd'))
    await expect(upload('1.0')).rejects.toMatchObject({
      code: 'SHARED_NOT_FILE',
      message: expect.stringMatching(message),
    })
    expect(await readdir(folders.releases)).toEqual([])
  })

  it('sends nothing when the release exists', async () => {
    await put({ 'bin/life': noise(100_000) })
    await upload('1.0')
    const again = await upload('1.0')
    expect(again.fresh).toBe(false)
  })

  it('sends only changed files, and copies the rest from any release, under any name', async () => {
    await put({
      'lib/app-1.0/big': noise(3_000_000),
      'lib/app-1.0/other': noise(10_000),
      keep: noise(500_000),
      change: noise(1000),
    })
    await upload('1.0')
    expect(sent).toBeGreaterThan(3_500_000)
    await cp(join(source, 'lib/app-1.0'), join(source, 'lib/app-1.1'), { recursive: true })
    await rm(join(source, 'lib/app-1.0'), { recursive: true })
    await cp(join(source, 'lib/app-1.1/big'), join(source, 'renamed and doubled'))
    await put({ change: noise(1000) })
    const { release } = await upload('1.1')
    expect(sent).toBeLessThan(5_000)
    await same(release.dir)
  })

  it('detects a file that was changed by hand in an old release, and sends it', async () => {
    await put({ a: noise(200_000), b: noise(300_000), c: noise(900_000) })
    await cp(join(source, 'a'), join(source, 'twin of a'))
    const first = await upload('1.0')
    for (const path of ['a', 'twin of a']) await writeFile(join(first.release.dir, path), noise(200_000))
    await put({ d: 'new' })
    const { release } = await upload('1.1')
    expect(sent).toBeGreaterThan(200_000)
    expect(sent).toBeLessThan(300_000)
    await same(release.dir)
  })

  it('resumes an interrupted upload, even after a half-written file', async () => {
    await put(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`part${i}`, noise(200_000)])))
    const cut = through(pieces => upTo(2_000_000, pieces))
    await expect(upload('1.0', cut)).rejects.toMatchObject({ code: 'HOST_WRITE_FAILED' })
    expect(await readdir(folders.releases)).toEqual([expect.stringMatching(/^\.1\.0-/)])
    const { release } = await upload('1.0')
    expect(sent).toBeLessThan(2_500_000)
    await same(release.dir)
    expect(await readdir(folders.releases)).toEqual([release.name])
  })

  it('succeeds beside a concurrent upload of the same release', async () => {
    await put({ a: noise(2_000_000), b: noise(1000) })
    const artifact = await pack('1.0')
    const [one, two] = await Promise.all([send(artifact, host), send(artifact, host)])
    await same(one.release.dir)
    expect(two.release).toEqual(one.release)
    expect(await readdir(folders.releases)).toEqual([one.release.name])
  })

  it('detects bytes that were changed in transit, and succeeds when repeated', async () => {
    await put({ a: noise(100_000), b: noise(50_000) })
    await upload('1.0')
    await put({ c: noise(2_000) })
    const other = handTar([{ name: 'c', text: 'x'.repeat(2_000) }])
    await expect(upload('1.1', insteadOfFiles(other))).rejects.toMatchObject({
      code: 'TRANSFER_DAMAGED',
      message: expect.stringMatching(/\/c .*sent 2000 bytes, sha256 \w{12}, arrived 2000 bytes, sha256 \w{12}/),
    })
    const { release } = await upload('1.1')
    await same(release.dir)
    expect((await readdir(folders.releases)).filter(name => name.startsWith('.'))).toEqual([])
  })

  it.each<[string, readonly Entry[]]>([
    ['a file that the manifest does not list', [{ name: 'other', text: 'x' }]],
    ['a link that points outside', [{ name: 'bin', type: 'link', target: '/etc' }]],
    ['a pipe', [{ name: 'pipe', type: 'pipe' }]],
  ])('is rejected by the host when the content differs from the manifest: %s', async (_, entries) => {
    await put({ a: 'a' })
    const forged = handTar([{ name: 'a', text: 'a' }, ...entries])
    await expect(upload('1.0', insteadOfFiles(forged))).rejects.toMatchObject({ code: 'ARTIFACT_REFUSED' })
    expect(await readdir(folders.releases)).toEqual([])
    expect(await readdir(folders.root)).toEqual(['releases'])
  })

  it('writes nothing outside of its folder', async () => {
    await put({ a: 'a' })
    const forged = handTar([{ name: '../escaped', text: 'x' }])
    await expect(upload('1.0', insteadOfFiles(forged))).rejects.toMatchObject({ code: 'HOST_WRITE_FAILED' })
    expect(await readdir(folders.releases)).toEqual([expect.stringMatching(/^\.1\.0-/)])
    expect(await readdir(folders.root)).toEqual(['releases'])
  })

  it('of an archive other than .tar.gz is unpacked by the host', async () => {
    await put({ 'bin/life': '#!/bin/sh\n' })
    const path = join(dirname(source), 'plain.tar')
    await exec('tar', ['-cf', path, '-C', source, '.'])
    const { fresh, release } = await send({ path, version: '1.0', sha256: 'a'.repeat(64) }, host)
    expect(fresh).toBe(true)
    await same(release.dir)
    expect(await readdir(folders.releases)).toEqual([release.name])
  })

  it('writes nothing while it is only prefetched, and then sends the missing files', async () => {
    await put({ a: noise(100_000), b: noise(50_000) })
    const first = await upload('1.0')
    await put({ c: 'c' })
    const artifact = await pack('1.1')
    const answer = deferred<void>()
    const onLine = (listener: RunOptions['onLine']) => (line: string, from: 'stdout' | 'stderr') => {
      listener?.(line, from)
      answer.resolve()
    }
    const listening: Host = {
      ...host,
      run: (script, options = {}) => host.run(script, { ...options, onLine: onLine(options.onLine) }),
    }
    const deps = { host: listening, layout: folders, deploy: { id: 'd', by: 'me' } as never, dryRun: false }
    const prepared = uploadOf(deps, artifact, contentsOf(artifact))
    prepared.prefetch()
    await answer.promise
    expect(await readdir(folders.releases)).toEqual([first.release.name])
    expect(await prepared.send(() => undefined)).toBe(true)
    await same(prepared.release.dir)
  })

  it('fails with NOT_SET_UP on a host without setup', async () => {
    await rm(folders.releases, { recursive: true })
    await put({ a: 'b' })
    await expect(upload('1.0')).rejects.toMatchObject({ code: 'NOT_SET_UP' })
  })
})

async function* upTo(limit: number, pieces: Pieces) {
  let count = 0
  for await (const piece of pieces) {
    yield piece
    count += piece.length
    if (count > limit) return
  }
}

type Pieces = AsyncIterable<Uint8Array>

/** The host, with a filter that may change what is sent to it. */
const through = (change: (pieces: Pieces) => Pieces): Host => ({
  ...host,
  run: (script: Script, options: RunOptions = {}) =>
    host.run(script, typeof options.input === 'object' ? { ...options, input: change(options.input) } : options),
})

/** Passes on the manifest and the start command, then sends these bytes in place of the files. */
const insteadOfFiles = (bytes: Uint8Array): Host =>
  through(async function* (pieces) {
    let count = 0
    for await (const piece of pieces) {
      yield count < 2 ? piece : bytes
      if (count++ === 2) return
    }
  })
