/** Artifacts of GitHub and GitLab, from stand-ins that speak the words of `gh` and `glab`. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { type GithubOptions, type GitlabOptions, github, gitlab } from '../../plugins/source/ci.ts'
import type { BuildSource, Plugin } from '../../slots/contracts.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type BuildUnderTest, buildKit, buildSourceContract } from './build.ts'

const run = promisify(execFile)

/** Both programs write their arguments, one call a line, into `calls`, and the token that they would use. */
const COMMON = `#!/bin/bash
printf '%s\\n' "$(basename "$0") $*" >> "$STAND_IN/calls"
`
const GH = `${COMMON}
case "$1 $2" in
  'run list') if [ "$4" = "$(cat "$STAND_IN/commit")" ]; then echo '[{"databaseId":4711}]'; else echo '[]'; fi ;;
  'run download')
    if [ "$3 $5" != '4711 release' ]; then echo 'no artifact matches any of the names or patterns provided' >&2; exit 1; fi
    cp "$STAND_IN/life.tar.gz" "$7/" ;;
esac
`
const GLAB = `${COMMON}
case "$2" in
  */repository/commits/$(cat "$STAND_IN/commit")/statuses*)
    echo '[{"id":7,"status":"success","name":"build"},{"id":9,"status":"success","name":"build"},{"id":11,"status":"failed","name":"build"}]' ;;
  */statuses*) echo '[]' ;;
  */jobs/9/artifacts/out/life.tar.gz) cat "$STAND_IN/life.tar.gz" ;;
  *) echo 'glab: 404 Not Found' >&2; exit 1 ;;
esac
`

/** A project in git, its build cache, and the stand-ins with an artifact for its commit. */
async function project() {
  const base = await mkdtemp(join(tmpdir(), 'switchyard-build-ci-'))
  const app = `life_${base.slice(-6).toLowerCase()}`
  const folder = join(base, 'project')
  const bin = join(base, 'bin')
  for (const path of [folder, bin]) await mkdir(path)
  const config = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  const repository = (...args: string[]) => run('git', ['-C', folder, ...config, ...args])
  await writeFile(join(folder, 'package.json'), '{"version":"1.2.3"}\n')
  await repository('init', '-q')
  await repository('add', '.')
  await repository('commit', '-qm', 'first')
  await writeFile(join(base, 'commit'), (await repository('rev-parse', 'HEAD')).stdout.trim())
  await writeFile(join(base, 'VERSION'), '1.2.3\n')
  await run('tar', ['-C', base, '-czf', join(base, 'life.tar.gz'), 'VERSION'])
  await writeFile(join(bin, 'gh'), GH, { mode: 0o755 })
  await writeFile(join(bin, 'glab'), GLAB, { mode: 0o755 })
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`)
  vi.stubEnv('STAND_IN', base)
  vi.stubEnv('XDG_CACHE_HOME', join(base, 'cache'))
  vi.stubEnv('GH_TOKEN', 'token-of-github')
  const store = join(base, 'cache', 'switchyard', app)
  const stored = () => readdir(store).catch(() => [])
  return {
    app,
    base,
    folder,
    repository,
    exact: true,
    calls: async () => (await readFile(join(base, 'calls'), 'utf8')).trim().split('\n'),
    artifacts: async () => (await stored()).filter(name => name.endsWith('.tar.gz')).map(name => join(store, name)),
    async left() {
      const worktrees = (await repository('worktree', 'list', '--porcelain')).stdout.match(/^worktree .*/gm) ?? []
      return [...worktrees.slice(1), ...(await stored()).filter(name => !name.endsWith('.tar.gz'))]
    },
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      await rm(base, { recursive: true, force: true })
    },
  }
}

const ofGithub = (more: Partial<GithubOptions> = {}) => github({ workflow: 'build.yml', artifact: 'release', ...more })
const ofGitlab = (more: Partial<GitlabOptions> = {}) => gitlab({ job: 'build', path: 'out/life.tar.gz', ...more })

async function opened(plugin: Plugin<BuildSource>, failing: BuildUnderTest['failing']): Promise<BuildUnderTest> {
  return { ...(await project()), plugin, failing }
}
buildSourceContract('an artifact of GitHub', false, () =>
  opened(ofGithub(), { plugin: ofGithub({ artifact: 'other' }), says: 'no artifact matches' }),
)
buildSourceContract('an artifact of GitLab', false, () =>
  opened(ofGitlab(), { plugin: ofGitlab({ path: 'none.tar.gz' }), says: '404 Not Found' }),
)

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})
async function built(of: Plugin<BuildSource>) {
  const made = await project()
  open.push(made)
  return { ...made, build: async () => of.create(await buildKit({ app: made.app, folder: made.folder })).build() }
}

test('the newest successful job and run are taken, of the repository that is named, and no argument has a token', async () => {
  const hub = await built(ofGithub({ repository: 'team/life' }))
  await hub.build()
  const commit = await readFile(join(hub.base, 'commit'), 'utf8')
  const calls = await hub.calls()
  expect(calls[0]).toBe(
    `gh run list --commit ${commit} --workflow build.yml --status success --limit 1 --json databaseId --repo team/life`,
  )
  expect(calls[1]).toMatch(/^gh run download 4711 --name release --dir \S+ --repo team\/life$/)
  expect(calls.join('\n')).not.toContain('token-of-github')
  const lab = await built(ofGitlab({ project: 'team/life' }))
  await lab.build()
  expect((await lab.calls()).at(-1)).toBe('glab api projects/team%2Flife/jobs/9/artifacts/out/life.tar.gz')
})

test('a whole artifact can be packed', async () => {
  const { build } = await built(ofGithub({ path: '.' }))
  const { stdout } = await run('tar', ['-tzf', (await build()).path])
  expect(stdout).toContain('life.tar.gz')
})

test.each([
  ['GitHub', ofGithub()],
  ['GitLab', ofGitlab()],
])('%s: a commit without a run is an error with the way out', async (vendor, plugin) => {
  const { build, repository } = await built(plugin)
  await repository('commit', '-q', '--allow-empty', '-m', 'not pushed')
  const fault = await faultOf(build())
  expect(fault).toMatchObject({ code: 'CI_RUN_MISSING', exitCode: 1, hint: expect.stringContaining('Push the commit') })
  expect(fault.message).toContain(vendor)
})

test('an answer that is no list, and a program that is not installed, are reported', async () => {
  const { build, base } = await built(ofGithub())
  await writeFile(join(base, 'bin/gh'), '#!/bin/sh\necho "{}"\n', { mode: 0o755 })
  expect(await faultOf(build())).toMatchObject({ code: 'CI_UNREADABLE', detail: '{}\n' })
  await rm(join(base, 'bin/gh'))
  expect(await faultOf(build())).toMatchObject({
    code: 'BUILD_FAILED',
    message: expect.stringContaining('`gh run` failed with exit code 127: it is not installed'),
  })
})
