import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ensureBaseImage } from '../../dev/engine.ts'
import { type ImageOptions, image } from '../../plugins/source/image.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type BuildUnderTest, buildKit, buildSourceContract } from './build.ts'

const run = promisify(execFile)

/** A project in git whose image has two layers, the second one with its version. */
async function project() {
  await ensureBaseImage()
  const app = `life_${randomBytes(6).toString('hex')}`
  const base = await mkdtemp(join(tmpdir(), 'switchyard-image-'))
  const folder = join(base, 'project')
  await mkdir(folder)
  const files = {
    Dockerfile: 'FROM scratch\nCOPY base /base\nCOPY VERSION /VERSION\nCMD ["/none"]\n',
    'Dockerfile.failing': `FROM debian:bookworm-slim\nRUN echo ${app} no such luck; exit 7\n`,
    'Dockerfile.endless': `FROM debian:bookworm-slim\nRUN echo ${app} has ''begun; exec sleep 300\n`,
    'package.json': '{ "version": "1.2.3" }\n',
    base: `the base of ${app}\n`,
    VERSION: '1.2.3\n',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
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
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      await run('docker', ['image', 'rm', '--force', `switchyard/${app}:build`]).catch(() => undefined)
      await run('docker', ['image', 'prune', '--force', '--filter', `label=switchyard.app=${app}`])
      await rm(base, { recursive: true, force: true })
    },
  }
}

async function imageBuild(): Promise<BuildUnderTest> {
  const made = await project()
  const { app, store } = made
  const stored = () => readdir(store).catch(() => [])
  return {
    ...made,
    plugin: image(),
    failing: { plugin: image({ dockerfile: 'Dockerfile.failing' }), says: `${app} no such luck` },
    endless: { plugin: image({ dockerfile: 'Dockerfile.endless' }), begun: `${app} has begun` },
    async versionIn(path) {
      const script = `folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; tar -xzf "$0" -C "$folder"
for layer in "$folder"/image/*.tar; do tar -xOf "$layer" VERSION 2> /dev/null || :; done`
      return (await run('bash', ['-c', script, path])).stdout
    },
    artifacts: async () => (await stored()).filter(name => name.endsWith('.tar.gz')).map(name => join(store, name)),
    async left() {
      const { stdout } = await run('docker', ['ps', '--all', '--no-trunc', '--format', '{{.Names}} {{.Command}}'])
      const containers = stdout.split('\n').filter(line => line.includes(app))
      return [...containers, ...(await stored()).filter(name => !name.endsWith('.tar.gz'))]
    },
  }
}

buildSourceContract('a build of an image', true, imageBuild)

describe('the image build source', () => {
  let made: Awaited<ReturnType<typeof project>>
  beforeAll(async () => {
    made = await project()
  })
  afterAll(() => made?.[Symbol.asyncDispose]())
  const build = async (options: ImageOptions = {}) =>
    image(options)
      .create(await buildKit({ app: made.app, folder: made.folder }))
      .build()
  const filesIn = async (path: string) =>
    (await run('tar', ['-tzf', path])).stdout.split('\n').filter(name => name.endsWith('.tar'))

  test('makes the same release of the same image: built, of the engine, and of an archive that the engine saved', async () => {
    const built = await build()
    const tag = `switchyard/${made.app}:build`
    await run('bash', ['-c', 'docker save "$1" | gzip > "$0/saved-1.tar.gz"', made.folder, tag])
    expect((await build({ name: tag })).sha256).toBe(built.sha256)
    expect((await build({ archive: 'saved-?.tar.gz' })).sha256).toBe(built.sha256)
    expect(built.path).toBe(join(made.store, `${made.app}-1.2.3-${built.sha256.slice(0, 7)}.tar.gz`))
  })

  test('has the layers that did not change as the same files in the next version', async () => {
    const before = await filesIn((await build()).path)
    await writeFile(join(made.folder, 'VERSION'), '1.2.4\n')
    const after = await filesIn((await build({ version: '1.2.4' })).path)
    expect([before.length, after.length]).toEqual([2, 2])
    expect(after.filter(name => before.includes(name))).toHaveLength(1)
  })

  test('reports an image that the engine does not have, and an archive that is not there', async () => {
    expect(await faultOf(build({ name: `${made.app}:none` }))).toMatchObject({ code: 'BUILD_FAILED', exitCode: 1 })
    expect(await faultOf(build({ archive: 'none.tar' }))).toMatchObject({ code: 'IMAGE_UNREADABLE', exitCode: 1 })
    expect(await faultOf(build({ archive: 'none-*.tar' }))).toMatchObject({ code: 'ARTIFACT_MISSING', exitCode: 1 })
  })
})
