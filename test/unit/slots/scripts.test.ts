import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Script } from '../../../host/script.ts'
import { age } from '../../../runner/units.ts'
import { parseHealth, versionIn } from '../../../slots/health/health.ts'
import { newDeploy, whereabouts, whoami } from '../../../slots/journal/journal.ts'
import { layout } from '../../../slots/layout.ts'
import { pointAt } from '../../../slots/lifecycle/start.ts'
import { sudoersFile } from '../../../slots/setup/sudoers.ts'
import { liveByRecords, promotedAt } from '../../../slots/state/slot-record.ts'
import { statusTable } from '../../../slots/status/status.ts'
import { prunable, prune, releaseOf, unpack } from '../../../slots/upload/release.ts'
import { giveInput } from '../../support/input.ts'

const exec = promisify(execFile)

/** Runs a script on this machine: it is plain bash and works only with files. Resolves to the exit code. */
async function bash(script: Script, input = ''): Promise<number> {
  const run = exec('bash', ['-c', `set -eu -o pipefail\n${script.text}`])
  giveInput(run.child, input)
  return run.then(
    () => 0,
    error => error.code,
  )
}

let folders: ReturnType<typeof layout>
let work: string

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'switchyard-slots-'))
  folders = layout(root)
  work = join(root, 'work')
  await mkdir(folders.releases)
  await mkdir(folders.slot('blue').dir, { recursive: true })
  await mkdir(join(work, 'bin'), { recursive: true })
  await writeFile(join(work, 'bin', 'life'), '#!/bin/sh\n', { mode: 0o755 })
})

const artifact = { version: '0.1.0', sha256: `3fa9c21${'0'.repeat(57)}` }

async function pack(...extra: string[]): Promise<string> {
  const path = join(folders.root, 'artifact.tar.gz')
  await exec('tar', ['-czf', path, '-C', work, ...extra, '.'])
  return path
}

const workFolder = () => join(folders.releases, '.work')

describe('unpacking an artifact', () => {
  it('creates the release folder with its record', async () => {
    const release = releaseOf(artifact, folders)
    expect(await bash(unpack(folders, release, await pack(), workFolder()), '{"version":"0.1.0"}')).toBe(0)
    expect(await readdir(folders.releases)).toEqual(['0.1.0-3fa9c21'])
    expect((await readdir(release.dir)).sort()).toEqual(['bin', 'release.json'])
    expect(await readFile(join(release.dir, 'release.json'), 'utf8')).toBe('{"version":"0.1.0"}')
  })

  it('never changes an existing release', async () => {
    const release = releaseOf(artifact, folders)
    await bash(unpack(folders, release, await pack(), workFolder()), 'first')
    await writeFile(join(work, 'bin', 'life'), 'changed')
    expect(await bash(unpack(folders, release, await pack(), workFolder()), 'second')).toBe(0)
    expect(await readFile(join(release.dir, 'release.json'), 'utf8')).toBe('first')
    expect(await readFile(join(release.dir, 'bin', 'life'), 'utf8')).toBe('#!/bin/sh\n')
    expect(await readdir(folders.releases)).toEqual([release.name])
  })

  it.each([
    ['a link that points outside', 42, () => symlink('../../../etc/passwd', join(work, 'passwd')), []],
    ['an absolute link', 42, () => symlink('/etc/passwd', join(work, 'passwd')), []],
    ['a name with ..', 41, async () => {}, ['--transform', 's,bin/life,../escaped,', '-P']],
    ['an absolute name', 41, async () => {}, ['--transform', 's,^./bin/life,/tmp/escaped,', '-P']],
    ['a pipe', 43, () => exec('mkfifo', [join(work, 'pipe')]), []],
  ] as const)('rejects %s and keeps nothing', async (_, code, prepare, options) => {
    await prepare()
    const path = await pack(...options)
    expect(await bash(unpack(folders, releaseOf(artifact, folders), path, workFolder()), '{}')).toBe(code)
    expect(await readdir(folders.releases)).toEqual([])
  })

  it('keeps a link that points inside the release', async () => {
    await symlink('life', join(work, 'bin', 'also'))
    const release = releaseOf(artifact, folders)
    expect(await bash(unpack(folders, release, await pack(), workFolder()), '{}')).toBe(0)
    expect(await readlink(join(release.dir, 'bin', 'also'))).toBe('life')
  })

  it('rejects a file that is not a tarball', async () => {
    const path = join(folders.root, 'artifact.tar.gz')
    await writeFile(path, 'not a tarball')
    expect(await bash(unpack(folders, releaseOf(artifact, folders), path, workFolder()), '{}')).toBe(44)
    expect(await readdir(folders.releases)).toEqual([])
  })
})

describe('a slot', () => {
  it('is pointed at a release, and then at the next one', async () => {
    const slot = { name: 'blue', port: 4000, env: {} }
    for (const sha256 of ['aaaaaaa', 'bbbbbbb']) {
      const release = releaseOf({ version: '1', sha256 }, folders)
      expect(await bash(pointAt(folders, slot, release))).toBe(0)
      expect(await readlink(folders.slot('blue').current)).toBe(release.dir)
    }
  })

  const makeReleases = async () => {
    const names = ['1-aaaaaaa', '2-bbbbbbb', '3-ccccccc', '4-ddddddd']
    for (const [i, name] of names.entries()) {
      await mkdir(folders.release(name))
      await exec('touch', ['-d', `2026-01-0${i + 1}`, folders.release(name)])
    }
  }

  it('keeps its release when old ones are removed', async () => {
    await makeReleases()
    await symlink(folders.release('1-aaaaaaa'), folders.slot('blue').current)
    expect(await bash(prune(folders, 2))).toBe(0)
    expect((await readdir(folders.releases)).sort()).toEqual(['1-aaaaaaa', '3-ccccccc', '4-ddddddd'])
  })

  it.each([
    [0, ['4-ddddddd', '2-bbbbbbb']],
    [1, ['2-bbbbbbb']],
    [4, []],
    [9, []],
  ])('keeps its release, as does the newest migration, when all but the newest %d are removed', async (keep, gone) => {
    await makeReleases()
    await symlink(folders.release('1-aaaaaaa'), folders.slot('blue').current)
    await writeFile(folders.migration, '/srv/life/slots/blue/tasks/d1-migrate-3-ccccccc\n')
    await mkdir(join(folders.releases, '.removed.0-0000000'))
    const lines = async (script: Script) =>
      (await exec('bash', ['-c', `set -eu -o pipefail\n${script.text}`])).stdout.split('\n').filter(Boolean)
    const before = await readdir(folders.releases)
    expect(await lines(prunable(folders, keep))).toEqual(gone)
    expect(await readdir(folders.releases)).toEqual(before)
    expect(await lines(prune(folders, keep))).toEqual(gone)
    const left = before.filter(name => !gone.includes(name) && !name.startsWith('.'))
    expect((await readdir(folders.releases)).sort()).toEqual(left.sort())
    expect(prunable(folders, keep).writes).toBe(false)
    expect(prune(folders, keep).writes).toBe(true)
  })

  it('loses no release if its link cannot be resolved', async () => {
    await makeReleases()
    await symlink(folders.slot('blue').current, folders.slot('blue').current)
    expect(await bash(prune(folders, 0))).not.toBe(0)
    expect((await readdir(folders.releases)).length).toBe(4)
  })
})

describe('the text format', () => {
  it('of a health result is parsed, with the whole body', () => {
    const head = 'passed 4 1 200 812 0 '
    const sockets = '0 127.0.0.1:4000 deploy life@blue.service - \n- [::1]:4000 nobody - 99 a b'
    expect(parseHealth(`${head}\n${sockets}\n\n{"a":\n\n1}`)).toEqual({
      outcome: 'passed',
      pid: 812,
      tries: 4,
      failed: 1,
      status: 200,
      curl: 0,
      redirect: '',
      sockets: [
        {
          owner: 0,
          address: '127.0.0.1',
          port: 4000,
          user: 'deploy',
          unit: 'life@blue.service',
          pid: undefined,
          name: undefined,
        },
        { owner: undefined, address: '[::1]', port: 4000, user: 'nobody', unit: undefined, pid: 99, name: 'a b' },
      ],
      body: '{"a":\n\n1}',
    })
    expect(parseHealth('late 1 1 301 812 0 https://x/health\n\n')).toMatchObject({
      redirect: 'https://x/health',
      sockets: [],
      body: '',
    })
    expect(versionIn('{"version":"1"}', 'version')).toBe('1')
    expect(versionIn('{"version":1}', 'version')).toBeUndefined()
    expect(versionIn('<html>', 'version')).toBeUndefined()
  })

  it('of a deploy id sorts by time, and its author and place come from the environment', () => {
    expect(newDeploy('me', new Date('2026-11-22T20:55:41.123Z'), 0.5).id).toBe('20261122T205541Z-8000')
    expect(whoami({ GITHUB_ACTOR: 'ann' })).toBe('ann in CI')
    expect(whereabouts({ CI_JOB_URL: 'https://ci/7' })).toBe('https://ci/7')
    const github = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'a/b', GITHUB_RUN_ID: '9' }
    expect(whereabouts(github)).toBe('https://github.com/a/b/actions/runs/9')
    expect(whereabouts({})).toBe(hostname())
  })

  it('of the sudoers file has each command once, with special characters escaped', () => {
    const commands = [
      ['/usr/bin/systemctl', 'start', 'life@blue.service'],
      ['/usr/bin/systemctl', 'start', 'life@blue.service'],
      ['/usr/sbin/nginx', '-t', '-g', 'a,b:c=d'],
    ]
    const { text, path, mode } = sudoersFile('life', layout('/srv/life'), { user: 'deploy', group: 'deploy' }, commands)
    expect([path, mode]).toEqual(['/etc/sudoers.d/switchyard-life', 0o440])
    expect(text.split('\n').slice(1)).toEqual([
      'deploy ALL=(root) NOPASSWD: /usr/bin/systemctl start life@blue.service',
      'deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t -g a\\,b\\:c\\=d',
      '',
    ])
  })

  it('of the status is a table with the three readings, whether they agree or not', () => {
    const slot = {
      slot: 'blue',
      live: true,
      release: '1-abc',
      state: 'running',
      pid: 7,
      uptime: 3_700,
      health: 'healthy',
      connections: 2,
    } as const
    const status = {
      host: 'h',
      live: 'blue',
      generation: null,
      agreed: true,
      migration: null,
      readings: { router: 'blue', 'public answer': 'blue', records: 'blue' },
      slots: [slot],
    }
    expect(statusTable(status)).toBe(
      'slot  live  release  state    pid  uptime  health   connections\nblue  live  1-abc    running  7    1h 1m   healthy  2\n\nAll agree: router blue, public answer blue, records blue',
    )
    const readings = { router: 'blue', 'public answer': 'green' }
    expect(statusTable({ ...status, readings, agreed: false })).toMatch(/router\s+blue\npublic answer\s+green$/)
  })

  it.each([
    [0, '0s'],
    [59, '59s'],
    [725, '12m 5s'],
    [273_600, '3d 4h'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(age(seconds)).toBe(text)
  })
})

describe('the slot records', () => {
  it('give as live the slot that was promoted last', () => {
    const at = (slot: string, time: string | null) =>
      ({ slot, promoted: time === null ? null : { generation: 'g', at: time, by: 'me' } }) as never
    expect(liveByRecords([at('blue', '2026-01-02'), at('green', '2026-01-01')])).toBe('blue')
    expect(liveByRecords([at('blue', null), undefined])).toBeUndefined()
  })

  it('keep switches in order even if the clock of an earlier operator was ahead', () => {
    const at = (time: string) => ({ promoted: { generation: 'g', at: time, by: 'me' } }) as never
    const now = new Date('2026-01-02T03:04:05.000Z')
    expect(promotedAt([undefined, at('2026-01-02T03:00:00.000Z')], now)).toBe('2026-01-02T03:04:05.000Z')
    expect(promotedAt([at('2026-01-02T04:00:00.000Z'), undefined], now)).toBe('2026-01-02T04:00:00.001Z')
    expect(promotedAt([at('who knows')], now)).toBe('2026-01-02T03:04:05.000Z')
  })
})
