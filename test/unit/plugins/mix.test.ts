import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { artifactFrom } from '../../../plugins/source/folder.ts'
import { assertMakesTarball } from '../../../plugins/source/mix.ts'
import { versionOf } from '../../../plugins/source/version.ts'
import { faultOf } from '../../support/plugin-kit.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-mix-'))
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
})
afterEach(() => vi.unstubAllEnvs())
const mix = (text: string) => writeFile(join(folder, 'mix.exs'), `def project do\n  [${text}]\nend`)

it.each([
  ['is computed', 'app: :life, version: version()', /computes its version/],
  ['is read from a file', 'app: :life, version: File.read!("VERSION")', /computes its version/],
  ['is a computed attribute', 'app: :life, version: @version', /computes its version/],
  ['is missing in an umbrella', 'apps_path: "apps", deps: []', /belongs to an umbrella/],
])('a version of mix.exs that %s must come from the Taskfile, not from package.json', async (_, text, message) => {
  await mix(text)
  await writeFile(join(folder, 'package.json'), '{"version":"9.9.9"}')
  const fault = await faultOf(versionOf(folder, undefined))
  expect(fault).toMatchObject({ code: 'VERSION_UNKNOWN', exitCode: 2, message: expect.stringMatching(message) })
  expect(fault.hint).toContain('version: () =>')
  expect(await versionOf(folder, () => '1.2.3')).toBe('1.2.3')
})

it.each([
  ['a plain project', 'app: :life', '', false],
  ['a project with the step in a comment', 'app: :life,\n# steps: [:assemble, :tar]\n', '', false],
  ['an umbrella', 'apps_path: "apps"', '', true],
])('%s is rejected before the build, with the missing tar step to add', async (_, text, runner, umbrella) => {
  await mix(text)
  const fault = await faultOf(assertMakesTarball(folder, runner, 'here'))
  expect(fault).toMatchObject({ code: 'RELEASE_NOT_PACKED', exitCode: 2 })
  expect(fault.hint).toContain('`steps: [:assemble, :tar]`')
  expect(fault.hint.includes('applications:')).toBe(umbrella)
})

it.each([
  ['has the tar step', 'releases: [life: [steps: [:assemble, :tar]]]', ''],
  ['is packed by the Dockerfile', 'app: :life', 'RUN tar -czf /app/life.tgz -C _build/prod/rel/life .'],
])('a project that %s is accepted', async (_, text, runner) => {
  await mix(text)
  await assertMakesTarball(folder, runner, 'here')
})

it('an artifact from a folder has the same hash for the same content', async () => {
  const make = async (name: string) => {
    const dir = join(folder, name)
    await mkdir(join(dir, 'bin'), { recursive: true })
    await writeFile(join(dir, 'bin/life'), '#!/bin/sh\n')
    await chmod(join(dir, 'bin/life'), 0o755)
    await writeFile(join(dir, '@odd'), 'x')
    await symlink('life', join(dir, 'bin/also'))
    await utimes(join(dir, 'bin/life'), new Date(), new Date(1e12 + name.length * 1e9))
    return artifactFrom('life', dir, '1.0', folder)
  }
  const [one, other] = [await make('one'), await make('other')]
  expect(one.sha256).toBe(other.sha256)
  const { stdout } = await promisify(execFile)('tar', ['-tvzf', one.path])
  expect(stdout).toMatch(/^-rwxr-xr-x .* \.\/bin\/life$/m)
  expect(stdout).toMatch(/^l.* \.\/bin\/also -> life$/m)
  expect(stdout).toMatch(/ \.\/@odd$/m)
})
