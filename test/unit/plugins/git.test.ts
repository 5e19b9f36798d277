import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { command } from '../../../plugins/source/command.ts'
import { type GitOptions, git } from '../../../plugins/source/git.ts'
import { tarball } from '../../../plugins/source/tarball.ts'
import type { PluginContext } from '../../../slots/contracts.ts'
import { buildKit } from '../../contract/build.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const run = promisify(execFile)
const USER = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']

let base: string
let folder: string
let lines: string[]
let shown: string[]
const inRepository = async (at: string, ...args: string[]) =>
  (await run('git', ['-C', at, ...USER, ...args])).stdout.trim()
const repository = (...args: string[]) => inRepository(folder, ...args)
async function commit(files: Readonly<Record<string, string>>, at = folder): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(at, name, '..'), { recursive: true })
    await writeFile(join(at, name), text)
  }
  await inRepository(at, 'add', '.')
  await inRepository(at, 'commit', '-qm', 'change')
  return inRepository(at, 'rev-parse', 'HEAD')
}
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'switchyard-git-'))
  folder = join(base, 'project')
  lines = []
  shown = []
  vi.stubEnv('XDG_CACHE_HOME', join(base, 'cache'))
  await run('git', ['init', '-q', '-b', 'main', folder])
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(base, { recursive: true, force: true })
})
const build = async (options: GitOptions, parts: Partial<PluginContext> = {}) =>
  git(options)
    .create(await buildKit({ folder, log: line => lines.push(line), show: text => shown.push(String(text)), ...parts }))
    .build()
/** The names in an artifact, without folders. */
const filesIn = async (path: string) =>
  (await run('tar', ['-tzf', path])).stdout.split('\n').filter(name => name !== '' && !name.endsWith('/'))
const textOf = async (path: string, name: string) => (await run('tar', ['-xOzf', path, name])).stdout
const nothingLeft = async () => {
  expect(await repository('worktree', 'list')).not.toContain('\n')
  const store = join(base, 'cache', 'switchyard', 'life')
  expect((await readdir(store).catch(() => [])).filter(name => !name.endsWith('.tar.gz'))).toEqual([])
}

describe('the tree of a revision', () => {
  it('is that of a branch, a tag or a commit, never that of the working copy', async () => {
    const first = await commit({ app: 'first\n', 'package.json': '{"version":"1.0.0"}' })
    await repository('tag', 'v1')
    const second = await commit({ app: 'second\n' })
    await writeFile(join(folder, 'app'), 'changed\n')
    await writeFile(join(folder, 'new'), '')
    await repository('branch', 'side', first)
    for (const [ref, revision, text] of [
      ['v1', first, 'first\n'],
      ['side', first, 'first\n'],
      [first.slice(0, 9), first, 'first\n'],
      ['main', second, 'second\n'],
      [undefined, second, 'second\n'],
    ] as const) {
      const made = await build(ref === undefined ? {} : { ref })
      expect(made).toMatchObject({ revision, version: '1.0.0' })
      expect([await filesIn(made.path), await textOf(made.path, './app')]).toEqual([['./app', './package.json'], text])
    }
    expect(lines).toContain(`v1 is ${first.slice(0, 10)}: change`)
    const told = 'Not committed, so not part of this release: app, new.'
    // Of the builds of `main` and of HEAD.
    expect(shown).toEqual([told, told])
    await nothingLeft()
  })

  it('keeps modes and links, and has the same sha256 for the same content', async () => {
    await writeFile(join(folder, 'start'), '#!/bin/sh\n')
    await chmod(join(folder, 'start'), 0o755)
    await symlink('start', join(folder, 'link'))
    await commit({ 'deep/er/file': 'x' })
    const first = await build({ version: '1.0.0' })
    expect((await run('tar', ['-tvzf', first.path])).stdout).toMatch(/^-rwxr-xr-x .* \.\/start$/m)
    expect((await run('tar', ['-tvzf', first.path])).stdout).toMatch(/ \.\/link -> start$/m)
    await repository('commit', '-q', '--allow-empty', '-m', 'nothing')
    const second = await build({ version: '1.0.0' })
    expect([second.sha256, second.revision === first.revision]).toEqual([first.sha256, false])
  })

  it('has the version of its own package.json, one that is set, or the description of git', async () => {
    await commit({ app: 'x', 'package.json': '{"version":"1.0.0"}' })
    await repository('tag', 'v1.0.0')
    await writeFile(join(folder, 'package.json'), '{"version":"9.9.9"}')
    expect((await build({})).version).toBe('1.0.0')
    expect((await build({ version: () => '2.0.0' })).version).toBe('2.0.0')
    await repository('rm', '-q', '--force', 'package.json')
    const next = await commit({ app: 'y' })
    expect((await build({})).version).toBe(`v1.0.0-1-g${next.slice(0, 10)}`)
    await repository('tag', '-d', 'v1.0.0')
    expect((await build({})).version).toBe(next.slice(0, 10))
  })

  it('can be a folder in the repository: that of the Taskfile, or one below', async () => {
    await commit({ other: 'x', 'apps/web/package.json': '{"version":"1.0.0"}', 'apps/web/public/index.html': '<p>' })
    const web = join(folder, 'apps', 'web')
    expect(await filesIn((await build({}, { folder: web })).path)).toEqual(['./package.json', './public/index.html'])
    const made = await build({ path: 'public', version: '1' }, { folder: web })
    expect(await filesIn(made.path)).toEqual(['./index.html'])
    expect(await faultOf(build({ path: 'none' }, { folder: web }))).toMatchObject({
      code: 'GIT_FOLDER_MISSING',
      exitCode: 2,
      message: expect.stringContaining('apps/web/none'),
    })
    await nothingLeft()
  })
})

describe('a build in a revision', () => {
  it('runs in the tree of the revision, at the place of the Taskfile', async () => {
    const revision = await commit({ 'apps/web/app': 'committed\n', 'apps/web/package.json': '{"version":"1.0.0"}' })
    await writeFile(join(folder, 'apps/web/app'), 'changed\n')
    const run = 'cat app; git describe --always --dirty; mkdir out; cp app out; basename "$PWD"'
    const made = await build({ build: command({ run, artifact: 'out' }) }, { folder: join(folder, 'apps', 'web') })
    expect(made).toMatchObject({ revision, version: '1.0.0' })
    expect(await textOf(made.path, './app')).toBe('committed\n')
    expect(lines).toEqual(expect.arrayContaining(['committed', 'web']))
    await nothingLeft()
  })

  it('has the version that git describes if no file of the application has one, and packs no repository', async () => {
    const first = await commit({ 'app.py': 'x\n', 'requirements.txt': '' })
    const source = command({ run: 'echo 1 > made', artifact: '.' })
    const made = await build({ build: source })
    expect(made.version).toBe(first.slice(0, 10))
    expect(await filesIn(made.path)).toEqual(['./app.py', './made', './requirements.txt'])
    await repository('tag', 'v3.1')
    expect((await build({ build: source })).version).toBe('v3.1')
    expect((await build({ build: tarball({ path: '.' }) }, { dryRun: true })).version).toBe('v3.1')
    await commit({ 'package.json': '{"version":"1.0.0"}' })
    expect((await build({ build: source })).version).toBe('1.0.0')
    expect((await build({ build: command({ run: 'true', artifact: '.', version: '7' }) })).version).toBe('7')
    await nothingLeft()
  })

  it('gives a source without a folder of its own the tree as its current folder', async () => {
    await commit({ app: 'committed\n' })
    await writeFile(join(folder, 'app'), 'changed\n')
    const own = {
      name: 'own',
      create: ({ $, folder }: PluginContext) => ({
        async build() {
          await $`tar -czf made.tar.gz app`
          return { path: join(folder, 'made.tar.gz'), version: '1', sha256: 'f'.repeat(64), revision: 'else' }
        },
      }),
    }
    expect(await textOf((await build({ build: own })).path, 'app')).toBe('committed\n')
  })

  it('removes the tree after a failure, also of a revision that has no such folder', async () => {
    await commit({ app: 'x' })
    expect(await faultOf(build({ build: command({ run: 'false', version: '1' }) }))).toMatchObject({
      code: 'BUILD_FAILED',
    })
    await nothingLeft()
  })

  it('names what was never committed, which is the likeliest reason why a build fails', async () => {
    await commit({ app: 'x' })
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await writeFile(join(folder, name), '')
    const failed = await faultOf(build({ build: command({ run: 'cat package-lock.json', version: '1' }) }))
    expect(failed).toMatchObject({ code: 'BUILD_FAILED', message: '`cat package-lock.json` failed with exit code 1.' })
    expect(shown).toEqual(['Not committed, so not part of this release: a, b, c, d, e and 2 more.'])
    // A revision that is not the current commit says nothing of the working copy.
    await repository('tag', 'old')
    await commit({ app: 'y' })
    await writeFile(join(folder, 'new'), '')
    shown = []
    await build({ ref: 'old', version: '1' })
    expect(shown).toEqual([])
  })

  it('fails with the first lines of a long output too, where npm gives the reason', async () => {
    await commit({ app: 'x' })
    const run = 'echo the reason; seq 100; echo the end; exit 1'
    const { detail = '' } = await faultOf(build({ build: command({ run, version: '1' }) }))
    const told = detail.split('\n')
    expect([told[0], told[10], told.at(-1)]).toEqual(['the reason', '... 62 more lines ...', 'the end'])
    expect(told).toHaveLength(41)
  })

  it('does not run the hooks of the working copy', async () => {
    await commit({ app: 'x' })
    const hook = join(folder, '.git', 'hooks', 'post-checkout')
    await mkdir(join(hook, '..'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\necho the hook ran\n')
    await chmod(hook, 0o755)
    await build({ version: '1' })
    expect(lines.filter(line => line.includes('hook'))).toEqual([])
    await repository('checkout', '-q', '-b', 'other')
  })
})

describe('a revision', () => {
  it('that does not exist is refused before anything is built', async () => {
    await commit({ app: 'x' })
    for (const ref of ['none', '--all', 'main:app']) {
      const fault = await faultOf(build({ ref }))
      expect(fault).toMatchObject({ code: 'REF_UNKNOWN', exitCode: 2, hint: expect.stringContaining('git fetch') })
      expect(fault.message).toContain(`"${ref}"`)
    }
    await rm(join(folder, '.git'), { recursive: true })
    const none = await faultOf(build({}))
    expect(none).toMatchObject({ code: 'GIT_UNUSABLE', exitCode: 2, hint: expect.stringContaining('`git init`') })
    await repository('init', '-q')
    const empty = await faultOf(build({}))
    expect(empty).toMatchObject({ code: 'REF_UNKNOWN', hint: expect.stringContaining('`git commit`') })
  })

  it('is fetched first if that is asked for, and a branch is then that of the remote', async () => {
    const old = await commit({ app: 'old\n' })
    const clone = join(base, 'clone')
    await run('git', ['clone', '-q', folder, clone])
    const fresh = await commit({ app: 'new\n' })
    await repository('tag', 'v2')
    const inClone = (options: GitOptions) => build({ version: '1', ...options }, { folder: clone })
    expect((await inClone({ ref: 'main' })).revision).toBe(old)
    expect((await inClone({ ref: 'main', fetch: true })).revision).toBe(fresh)
    expect(await inRepository(clone, 'rev-parse', 'main')).toBe(old)
    expect((await inClone({ ref: 'v2', fetch: 'origin' })).revision).toBe(fresh)
    const fault = await faultOf(inClone({ ref: 'main', fetch: 'upstream' }))
    expect(fault).toMatchObject({ code: 'BUILD_FAILED', exitCode: 1 })
    expect(fault.message).toContain('`git fetch` failed')
  })

  it('with submodules is refused until the Taskfile says what to do with them', async () => {
    vi.stubEnv('GIT_CONFIG_COUNT', '1')
    vi.stubEnv('GIT_CONFIG_KEY_0', 'protocol.file.allow')
    vi.stubEnv('GIT_CONFIG_VALUE_0', 'always')
    const library = join(base, 'library')
    await run('git', ['init', '-q', library])
    await commit({ 'a file': 'from the library\n' }, library)
    await commit({ app: 'x' })
    await repository('submodule', '--quiet', 'add', library, 'vendor/library')
    await repository('commit', '-qm', 'library')
    expect(await faultOf(build({ version: '1' }))).toMatchObject({
      code: 'GIT_SUBMODULES',
      exitCode: 2,
      message: expect.stringContaining('vendor/library'),
    })
    const without = await build({ version: '1', submodules: false })
    expect(await filesIn(without.path)).toEqual(['./.gitmodules', './app'])
    const made = await build({ version: '1', submodules: true })
    expect(await filesIn(made.path)).toEqual(['./.gitmodules', './app', './vendor/library/a file'])
    await nothingLeft()
  })
})

describe('a dry run', () => {
  it('prints the commands, leaves the repository alone, and knows the version of the revision', async () => {
    await commit({ app: 'x', 'package.json': '{"version":"1.0.0"}' })
    await repository('tag', 'v1')
    await commit({ 'package.json': '{"version":"2.0.0"}' })
    for (const options of [{}, { build: command({ run: 'make release', artifact: 'out' }) }]) {
      lines = []
      shown = []
      const made = await build({ ref: 'v1', ...options }, { dryRun: true })
      expect(made).toMatchObject({ version: '1.0.0', sha256: '0'.repeat(64) })
      expect(made.path).toBe(join(base, 'cache', 'switchyard', 'life', 'life-1.0.0.tar.gz'))
      expect(lines.some(line => line.includes('git worktree add --detach'))).toBe(true)
      expect(lines.some(line => line.includes('make release'))).toBe('build' in options)
    }
    expect(await repository('worktree', 'list')).not.toContain('\n')
    expect(await readdir(base)).toEqual(['project'])
  })
})

it('refuses options of the wrong type, with the place', () => {
  for (const [options, place] of [
    [{ ref: '' }, 'ref'],
    [{ build: 'docker' }, 'build'],
    [{ build: { name: 'nginx', kind: 'router', create: () => ({}) } }, 'build'],
    [{ fetch: 1 }, 'fetch'],
    [{ branch: 'main' }, 'branch'],
  ] as const)
    expect(() => git(options as never)).toThrow(place)
})
