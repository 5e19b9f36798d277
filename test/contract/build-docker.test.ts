import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { ensureBaseImage } from '../../dev/engine.ts'
import { command } from '../../plugins/source/command.ts'
import { type DockerOptions, docker } from '../../plugins/source/docker.ts'
import { tarball } from '../../plugins/source/tarball.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type BuildUnderTest, buildKit, buildSourceContract } from './build.ts'

const run = promisify(execFile)
const PACK = 'echo 1.2.3 > VERSION && tar -czf'

/** A project in git, with a build cache of its own. */
async function project(files: (app: string) => Readonly<Record<string, string>>) {
  const app = `life_${randomBytes(6).toString('hex')}`
  const base = await mkdtemp(join(tmpdir(), 'switchyard-build-'))
  const folder = join(base, 'project')
  await mkdir(folder)
  const all = {
    'mix.exs': 'def project do\n  [app: :life, version: "1.2.3"]\nend\n',
    '.gitignore': '*.tar.gz\nVERSION\n',
  }
  for (const [name, text] of Object.entries({ ...all, ...files(app) })) await writeFile(join(folder, name), text)
  const git = ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  await run('git', ['-C', folder, 'init', '-q'])
  await run('git', [...git, 'add', '.'])
  await run('git', [...git, 'commit', '-qm', 'first'])
  vi.stubEnv('XDG_CACHE_HOME', join(base, 'cache'))
  const store = join(base, 'cache', 'switchyard', app)
  return {
    app,
    folder,
    store,
    tarballsIn: async (place: string) =>
      (await readdir(place).catch(() => [])).filter(name => name.endsWith('.tar.gz')).map(name => join(place, name)),
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      await run('docker', ['image', 'rm', '--force', `switchyard/${app}:build`]).catch(() => undefined)
      await run('docker', ['image', 'prune', '--force', '--filter', `label=switchyard.app=${app}`])
      await rm(base, { recursive: true, force: true })
    },
  }
}

/** The containers of an application, whose name no other test uses. */
const containersOf = async (app: string) =>
  (await run('docker', ['ps', '--all', '--no-trunc', '--format', '{{.Names}} {{.Command}}'])).stdout
    .split('\n')
    .filter(line => line.includes(app))

async function dockerBuild(): Promise<BuildUnderTest> {
  await ensureBaseImage()
  const from = 'FROM debian:bookworm-slim\nWORKDIR /app/_build/prod\n'
  const made = await project(app => ({
    Dockerfile: `${from}RUN ${PACK} ${app}-1.2.3.tar.gz VERSION\n`,
    'Dockerfile.failing': `${from}RUN echo ${app} no such luck; exit 7\n`,
    'Dockerfile.endless': `${from}RUN echo ${app} has ''begun; exec sleep 300\n`,
  }))
  const { app } = made
  return {
    ...made,
    plugin: docker(),
    failing: { plugin: docker({ dockerfile: 'Dockerfile.failing' }), says: `${app} no such luck` },
    endless: { plugin: docker({ dockerfile: 'Dockerfile.endless' }), begun: `${app} has begun` },
    artifacts: () => made.tarballsIn(made.store),
    async left() {
      const entries = await readdir(made.store).catch(() => [])
      return [...(await containersOf(app)), ...entries.filter(name => !name.endsWith('.tar.gz'))]
    },
  }
}

async function commandBuild(): Promise<BuildUnderTest> {
  const made = await project(() => ({}))
  const mark = `sleep 300 # ${made.app}`
  const of = (line: string) => command({ run: line, artifact: 'life-*.tar.gz' })
  return {
    ...made,
    plugin: of(`${PACK} life-1.2.3.tar.gz VERSION`),
    failing: { plugin: of('echo no such luck >&2; exit 7'), says: 'no such luck' },
    endless: { plugin: of(`echo begun; bash -c '${mark}'; echo never`), begun: 'begun' },
    artifacts: () => made.tarballsIn(made.folder),
    left: async () => (await run('ps', ['-eo', 'args'])).stdout.split('\n').filter(line => line.includes(mark)),
  }
}

async function tarballBuild(): Promise<BuildUnderTest> {
  const made = await project(() => ({}))
  await run('bash', ['-c', `cd "$0" && ${PACK} life-1.2.3.tar.gz VERSION`, made.folder])
  return {
    ...made,
    plugin: tarball({ path: 'life-*.tar.gz' }),
    failing: { plugin: tarball({ path: 'life-9.9.9.tar.gz' }), says: 'life-9.9.9.tar.gz' },
    artifacts: () => made.tarballsIn(made.folder),
    left: async () => [],
  }
}

buildSourceContract('a build with docker', true, dockerBuild)
buildSourceContract('a build by a command', true, commandBuild)
buildSourceContract('a ready tarball', false, tarballBuild)

describe('the docker build source', () => {
  let made: Awaited<ReturnType<typeof project>>
  beforeAll(async () => {
    await ensureBaseImage()
    made = await project(app => ({
      Dockerfile: [
        'FROM debian:bookworm-slim AS builder',
        'ARG WORD',
        'WORKDIR /out',
        `RUN ${PACK} life-1.2.3.tar.gz VERSION && cp life-1.2.3.tar.gz other-1.tar.gz && cp life-1.2.3.tar.gz other-2.tar.gz`,
        `RUN echo "${app}: word is $WORD" && echo plain > text.tar.gz && mkdir -p rel/bin && touch rel/bin/life`,
        'FROM debian:bookworm-slim',
        '',
      ].join('\n'),
    }))
  })
  afterEach(async () => expect(await containersOf(made.app)).toEqual([]))
  afterAll(() => made?.[Symbol.asyncDispose]())
  const build = async (options: DockerOptions, lines: string[] = []) =>
    docker({ target: 'builder', ...options })
      .create(await buildKit({ app: made.app, folder: made.folder, log: line => lines.push(line) }))
      .build()

  test('copies the tarball that matches a pattern out of a stage, and passes its arguments to the build', async () => {
    const lines: string[] = []
    const artifact = await build({ artifact: '/out/life-*.tar.gz', buildArgs: { WORD: 'two words' } }, lines)
    expect(artifact.path).toBe(join(made.store, `${made.app}-1.2.3-${artifact.sha256.slice(0, 7)}.tar.gz`))
    expect(lines).toContain(`${made.app}: word is two words`)
  })

  test('reports that the image has no such tarball', async () => {
    expect(await faultOf(build({}))).toMatchObject({ code: 'ARTIFACT_NOT_IN_IMAGE', exitCode: 1 })
    expect(await faultOf(build({ artifact: '/out/none-*.tar.gz' }))).toMatchObject({ code: 'ARTIFACT_NOT_IN_IMAGE' })
    expect(await faultOf(build({ artifact: '/out/life-1.2.3.tar.gz', target: 'none' }))).toMatchObject({ exitCode: 1 })
    expect(await faultOf(build({ artifact: '/out/life-1.2.3.tar.gz', target: '' }))).toMatchObject({ exitCode: 2 })
  })

  test('lists the tarballs when a pattern matches more than one', async () => {
    expect(await faultOf(build({ artifact: '/out/other-?.tar.gz' }))).toMatchObject({
      code: 'ARTIFACT_AMBIGUOUS',
      detail: '/out/other-1.tar.gz\n/out/other-2.tar.gz',
    })
  })

  test('refuses a file that is not a gzipped tarball', async () => {
    expect(await faultOf(build({ artifact: '/out/text.tar.gz' }))).toMatchObject({ code: 'ARTIFACT_NO_TARBALL' })
  })

  test('packs a folder, and gives the same content the same name', async () => {
    const [first, second] = [await build({ artifact: '/out/rel' }), await build({ artifact: '/out/rel' })]
    expect(first.sha256).toBe(second.sha256)
    expect((await run('tar', ['-tzf', first.path])).stdout).toBe('./bin/\n./bin/life\n')
    expect(first.path).toBe(join(made.store, `${made.app}-1.2.3-${first.sha256.slice(0, 7)}.tar.gz`))
  })

  test('refuses a release without the step :tar before anything is built', async () => {
    await writeFile(join(made.folder, 'Dockerfile.release'), 'FROM debian:bookworm-slim\nRUN mix release\n')
    const lines: string[] = []
    expect(await faultOf(build({ dockerfile: 'Dockerfile.release' }, lines))).toMatchObject({
      code: 'RELEASE_NOT_PACKED',
      hint: expect.stringContaining('steps: [:assemble, :tar]'),
    })
    expect(lines).toEqual([])
  })
})
