import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveArtifactPath, sha256Of } from '../../../plugins/source/artifact.ts'
import { buildArguments, createArguments } from '../../../plugins/source/docker-arguments.ts'
import { mixVersion, packageVersion, versionOf } from '../../../plugins/source/version.ts'
import { runDetached } from '../../../runner/detached.ts'
import { faultOf } from '../../support/plugin-kit.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-build-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string | Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('the version of a project', () => {
  const mix = (more: string, before = '') => `defmodule Life.MixProject do
  use Mix.Project
${before}
  def project do
    [
      app: :life,
      ${more}
      deps: [{:plug, version: "9.9.9"}]
    ]
  end
end`

  test('is read from mix.exs, including that of the sample application', () => {
    expect(mixVersion(mix('version: "0.1.1",'))).toBe('0.1.1')
    expect(mixVersion(readFileSync(new URL('../../../examples/life/mix.exs', import.meta.url), 'utf8'))).toMatch(
      /^\d+\.\d+\.\d+$/,
    )
  })

  test('is read from an attribute of mix.exs', () => {
    expect(mixVersion(mix('version: @version,', '  @version "2.0.0-rc.1"'))).toBe('2.0.0-rc.1')
    expect(mixVersion(mix('version: @vsn,', '  @version "2.0.0"'))).toBeUndefined()
  })

  test('is not read from a comment or from text before the project', () => {
    expect(mixVersion(mix('# version: "0.0.1",\n      version: "0.0.2",'))).toBe('0.0.2')
    expect(mixVersion(mix('version: "0.0.2",', '  @deps [version: "7.7.7"]'))).toBe('0.0.2')
  })

  test('is read from package.json', () => {
    expect(packageVersion('{"name":"x","version":"1.2.3"}')).toBe('1.2.3')
    expect(packageVersion('{"name":"x"}')).toBeUndefined()
    expect(packageVersion('{')).toBeUndefined()
  })

  test('comes from the Taskfile, else from mix.exs, else from package.json', async () => {
    expect(await faultOf(versionOf(folder, undefined))).toMatchObject({ code: 'VERSION_UNKNOWN', exitCode: 2 })
    file('package.json', '{"version":"3.0.0"}')
    expect(await versionOf(folder, undefined)).toBe('3.0.0')
    file('mix.exs', mix('version: "2.0.0",'))
    expect(await versionOf(folder, undefined)).toBe('2.0.0')
    expect(await versionOf(folder, '1.0.0')).toBe('1.0.0')
    expect(await versionOf(folder, async () => '0.9.0')).toBe('0.9.0')
  })

  test('is rejected if it is invalid as a folder name', async () => {
    expect(await faultOf(versionOf(folder, '../1.0'))).toMatchObject({ code: 'NAME_INVALID', exitCode: 2 })
  })
})

describe('the arguments of Docker commands', () => {
  test('contain Dockerfile, stage, build arguments and secrets', () => {
    const options = {
      dockerfile: 'Dockerfile.release',
      target: 'builder',
      buildArgs: { MIX_ENV: 'prod' },
      secrets: ['id=npm,env=NPM_TOKEN'],
    }
    expect(buildArguments('life', options, {})).toEqual([
      ...['--force-rm', '--tag', 'switchyard/life:build', '--label', 'switchyard.app=life'],
      ...['--file', 'Dockerfile.release', '--target', 'builder'],
      ...['--build-arg', 'MIX_ENV=prod', '--secret', 'id=npm,env=NPM_TOKEN'],
    ])
  })

  test('pass on a proxy by name, never by value', () => {
    const args = buildArguments('life', {}, { http_proxy: 'http://me:password@proxy.example', HTTPS_PROXY: '' })
    expect(args.slice(-2)).toEqual(['--build-arg', 'http_proxy'])
    expect(args.join(' ')).not.toContain('password')
  })

  test('create a container that does nothing', () => {
    expect(createArguments('c', 'sha256:1', '/app/life-1.tar.gz')).toEqual([
      'create',
      '--name',
      'c',
      '--network',
      'none',
      'sha256:1',
      'true',
    ])
  })

  test('name the platform of the host for the build and for the container', () => {
    const platform = 'linux/arm64'
    expect(buildArguments('life', { platform }, {}).slice(-2)).toEqual(['--platform', platform])
    expect(createArguments('c', 'i', '/app/life-1.tar.gz', platform)).toEqual(
      expect.arrayContaining(['--platform', platform]),
    )
  })

  test('resolve a pattern in the image, and execute nothing else', () => {
    const args = createArguments('c', 'sha256:1', '/app/*.tar.gz; rm -rf /')
    expect(args.at(-1)).toBe('ls -1d -- /app/*.tar.gz\\;\\ rm\\ -rf\\ /')
  })
})

describe('a local tarball', () => {
  test('is hashed unchanged', async () => {
    const path = file('a.tar.gz', Buffer.from([0x1f, 0x8b, 1, 2, 3]))
    expect(await sha256Of(path)).toBe('00e25a5c69702c645cc56e219b40deb8c705148fec49c11ec875d8e11bcbdfa0')
  })

  test('is rejected if it does not begin like a gzip file', async () => {
    expect(await faultOf(sha256Of(file('b.tar.gz', 'hello')))).toMatchObject({ code: 'ARTIFACT_NO_TARBALL' })
    expect(await faultOf(sha256Of(file('c.tar.gz', '')))).toMatchObject({ code: 'ARTIFACT_NO_TARBALL' })
    expect(await faultOf(sha256Of(folder))).toMatchObject({ code: 'ARTIFACT_MISSING' })
  })

  test('is found by a pattern', async () => {
    file('life-1.0.tar.gz', '')
    expect(await resolveArtifactPath(join(folder, 'life-?.0.tar.gz'))).toBe(join(folder, 'life-1.0.tar.gz'))
    file('life-1x0.tar.gz', '')
    expect(await resolveArtifactPath(join(folder, 'life-1.*.gz'))).toBe(join(folder, 'life-1.0.tar.gz'))
    expect(await faultOf(resolveArtifactPath(join(folder, 'life-*')))).toMatchObject({ code: 'ARTIFACT_AMBIGUOUS' })
    expect(await faultOf(resolveArtifactPath(join(folder, 'gone-*')))).toMatchObject({ code: 'ARTIFACT_MISSING' })
    expect(await faultOf(resolveArtifactPath(join(folder, 'gone', '*')))).toMatchObject({ code: 'ARTIFACT_MISSING' })
  })
})

describe('a detached local command', () => {
  test('returns its exit code and output', async () => {
    expect(await runDetached(['sh', '-c', 'echo out; echo err >&2; exit 4'])).toEqual({
      code: 4,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await runDetached(['sh', '-c', 'kill -9 $$'])).toMatchObject({ code: null })
  })

  test('exits with 127 if its program is missing', async () => {
    expect(await runDetached(['no-such-program'])).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('ENOENT'),
    })
  })

  test('has its own process group, which a Ctrl-C of the terminal does not reach', async () => {
    const { stdout } = await runDetached(['sh', '-c', 'ps -o pgid= -p $$; echo $$'])
    const [group, pid] = stdout.trim().split(/\s+/)
    expect(group).toBe(pid)
  })
})
