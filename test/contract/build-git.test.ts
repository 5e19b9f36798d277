import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { command } from '../../plugins/source/command.ts'
import { git } from '../../plugins/source/git.ts'
import { type BuildUnderTest, buildSourceContract } from './build.ts'

const run = promisify(execFile)

/** A project in git with a build cache of its own, whose working copy says another version. */
async function project() {
  const app = `life_${randomBytes(6).toString('hex')}`
  const base = await mkdtemp(join(tmpdir(), 'switchyard-build-git-'))
  const folder = join(base, 'project')
  await mkdir(folder)
  const config = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  const repository = (...args: string[]) => run('git', ['-C', folder, ...config, ...args])
  await writeFile(join(folder, 'package.json'), '{"version":"1.2.3"}\n')
  await writeFile(join(folder, 'VERSION'), '1.2.3\n')
  await writeFile(join(folder, '.gitignore'), '*.tar.gz\n')
  await repository('init', '-q')
  await repository('add', '.')
  await repository('commit', '-qm', 'first')
  vi.stubEnv('XDG_CACHE_HOME', join(base, 'cache'))
  const store = join(base, 'cache', 'switchyard', app)
  const stored = () => readdir(store).catch(() => [])
  return {
    app,
    folder,
    exact: true,
    artifacts: async () => (await stored()).filter(name => name.endsWith('.tar.gz')).map(name => join(store, name)),
    async left() {
      const worktrees = (await repository('worktree', 'list', '--porcelain')).stdout.match(/^worktree .*/gm) ?? []
      const processes = (await run('ps', ['-eo', 'args'])).stdout.split('\n').filter(line => line.includes(app))
      return [...worktrees.slice(1), ...(await stored()).filter(name => !name.endsWith('.tar.gz')), ...processes]
    },
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      await rm(base, { recursive: true, force: true })
    },
  }
}

async function treeBuild(): Promise<BuildUnderTest> {
  return { ...(await project()), plugin: git(), failing: { plugin: git({ fetch: 'nowhere' }), says: 'nowhere' } }
}

async function innerBuild(): Promise<BuildUnderTest> {
  const made = await project()
  const of = (line: string) => git({ ref: 'HEAD', build: command({ run: line, artifact: 'life-*.tar.gz' }) })
  const tar = 'tar --sort=name --mtime=@0 -cf - VERSION | gzip -n > life-1.2.3.tar.gz'
  return {
    ...made,
    plugin: of(tar),
    failing: { plugin: of('echo no such luck >&2; exit 7'), says: 'no such luck' },
    endless: { plugin: of(`echo begun; bash -c 'sleep 300 # ${made.app}'; echo never`), begun: 'begun' },
  }
}

buildSourceContract('the tree of a git revision', false, treeBuild)
buildSourceContract('a build of a git revision', true, innerBuild)
