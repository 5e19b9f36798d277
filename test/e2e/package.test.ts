/** The package as a team gets it: packed and installed in another folder, next to a Taskfile. */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import { authorsTests, installPacked } from '../support/packed.ts'

const run = promisify(execFile)

const taskfile = `
import { beam, definer, nginx, project, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'life',
  host: ssh('deploy@nowhere.invalid'),
  build: tarball({ path: 'life.tar.gz', version: '1.0.0' }),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { deploy, promote, migrate, console } = tasks
export const hello = definer().task('Say hello', { run: async ({ $, show }) => show(await $\`echo hello from zx\`.text()) })
`

let folder: string
const env = { ...process.env, CI: '1', npm_config_loglevel: 'error' }
const npx = (...args: string[]) =>
  run('npx', ['task', ...args], { cwd: folder, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )

/** What the compiler says of these files, next to the installed package. */
async function compiled(...files: readonly string[]): Promise<string> {
  const compilerOptions = {
    ...{ target: 'es2023', module: 'nodenext', noEmit: true, strict: true, exactOptionalPropertyTypes: true },
    ...{ skipLibCheck: true, types: ['node'], typeRoots: [join(HOME, 'node_modules/@types')] },
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = join(HOME, 'node_modules/typescript/bin/tsc')
  return (await run(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => ({ stdout }))).stdout
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-package-'))
  await installPacked(folder)
  await writeFile(join(folder, 'Taskfile.ts'), taskfile)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the packed package in another folder', () => {
  it('lists the tasks of the Taskfile, as plain text', async () => {
    const { code, stdout } = await npx()
    expect(code).toBe(0)
    expect(stdout).toMatch(/deploy +Deploy to the idle slot/)
    expect(stdout).toMatch(/hello +Say hello/)
    expect(stdout).not.toContain('\x1b')
  })

  it('explains a task: its steps, its flags, and two examples', async () => {
    const { code, stdout } = await npx('deploy', '--help')
    expect(code).toBe(0)
    expect(stdout).toContain('Upload the release')
    expect(stdout).toContain('--promote')
    expect(stdout.match(/npx task deploy/g)?.length).toBeGreaterThanOrEqual(2)
  })

  it('runs a task with zx', async () => {
    const { code, stdout } = await npx('hello')
    expect(stdout).toContain('hello from zx')
    expect(code).toBe(0)
  })

  it('gives a Taskfile its types', async () => {
    const typed = `
import { definer } from 'switchyard-deploy'
const { task } = definer()
const list = task('List', { run: async ({ $ }) => ({ names: await $\`ls\`.lines() }) })
export const count = task('Count', { needs: [list], run: ({ names, show }) => show(String(names.length)) })
// @ts-expect-error It does not need what would give it names.
export const none = task('None', { run: ({ names }) => void names })
// @ts-expect-error Names are texts.
export const wrong = task('Wrong', { needs: [list], run: ({ names }) => ({ sum: names.map(name => name.toFixed()) }) })
`
    await writeFile(join(folder, 'typed.mts'), typed)
    expect(await compiled('Taskfile.ts', 'typed.mts')).toBe('')
  })

  it.each([
    [['promot', 'green'], 'promote'],
    [['promote', 'red'], 'green'],
    [['deploy', '--promot'], '--promote'],
  ])('exits with 2 for %j, and suggests what was meant', async (args, meant) => {
    const { code, stdout, stderr } = await npx(...args)
    expect(code).toBe(2)
    expect(stdout + stderr).toContain(meant)
  })

  it('exits with 1 within 10 s when the host name does not resolve', async () => {
    // Without npx, whose own start may take long.
    const began = performance.now()
    const failed = run(join(folder, 'node_modules/.bin/task'), ['promote', 'green'], { cwd: folder, env })
    await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere.invalid') })
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})

/** A build source in a package of its own, which uses only what this package exports. */
const plugin = `
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { catalogue, fault } from 'switchyard-deploy'

const run = promisify(execFile)
const faults = catalogue({
  ARCHIVE_FAILED: fault({ exitCode: 1, message: () => 'The archive was not made.', hint: () => 'see what tar says', detail: d => d.stderr }),
})

export const archive = file => ({
  name: 'archive',
  kind: 'build',
  create: ({ folder, dryRun }) => ({
    async build() {
      const version = (await readFile(join(folder, 'VERSION'), 'utf8')).trim()
      const path = join(folder, '..', 'made.tar.gz')
      if (dryRun) return { path, version, sha256: '0'.repeat(64) }
      const part = path + '.part'
      await run('tar', ['-C', folder, '-czf', part, file]).catch(async ({ stderr }) => {
        await rm(part, { force: true })
        throw faults.ARCHIVE_FAILED({ stderr })
      })
      await rename(part, path)
      const git = async (...args) => (await run('git', ['-C', folder, ...args])).stdout.trim()
      const dirty = (await git('status', '--porcelain')) === '' ? '' : '-dirty'
      const sha256 = createHash('sha256').update(await readFile(path)).digest('hex')
      return { path, version, sha256, revision: (await git('rev-parse', 'HEAD')) + dirty }
    },
  }),
})
`
const pluginTest = `
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildSourceContract } from 'switchyard-deploy/testing'
import { archive } from './archive.mjs'

const run = promisify(execFile)
buildSourceContract('an archive', false, async () => {
  const parent = await mkdtemp(join(tmpdir(), 'switchyard-plugin-'))
  const folder = join(parent, 'project')
  await mkdir(folder)
  await writeFile(join(folder, 'VERSION'), '1.2.3\\n')
  await run('git', ['-C', folder, 'init', '-q'])
  await run('git', ['-C', folder, 'add', '.'])
  await run('git', ['-C', folder, '-c', 'user.name=x', '-c', 'user.email=x@example', 'commit', '-qm', 'x'])
  const made = join(parent, 'made.tar.gz')
  return {
    app: 'archive',
    folder,
    plugin: archive('VERSION'),
    failing: { plugin: archive('NOT_THERE'), says: 'NOT_THERE' },
    left: async () => [],
    artifacts: () => access(made).then(() => [made], () => []),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true }),
  }
})
`

/** A runtime for a supervisor of its own, and its suite, with the types and docs/plugins.md alone. */
const runtimePlugin = `
import {
  capture,
  catalogue,
  commandFailed,
  fault,
  type Plugin,
  type PluginContext,
  type Runtime,
  type Slot,
  sh,
} from 'switchyard-deploy'
import { type RuntimeUnderTest, runtimeContract } from 'switchyard-deploy/testing'

const faults = catalogue({
  SV_FAILED: fault<{ slot: string; output: string }>({
    exitCode: 1,
    message: d => d.slot + ' did not start.',
    hint: () => 'Read its log.',
    detail: d => d.output,
  }),
})
export const runit = (options: { readonly start: string }): Plugin<Runtime> => ({
  name: 'runit',
  kind: 'runtime',
  settings: () => ({ ...options }),
  create: context => runtime(context),
})
function runtime({ app, layout }: PluginContext): Runtime {
  const name = (slot: Slot) => app + '-' + slot.name
  return {
    environment: slot => ({ PORT: String(slot.port) }),
    start(_, slot) {
      const script = sh.write\`sv start \${name(slot)}\`
      return {
        script,
        read(output, host) {
          if (output.code === 80) throw faults.SV_FAILED({ slot: slot.name, output: output.stderr })
          if (output.code !== 0) throw commandFailed(host, script, output)
        },
      }
    },
    stop: slot => capture(sh.write\`sv stop \${name(slot)}\`, () => ({ was: 'running', killed: false })),
    process: slot =>
      capture(sh.read\`sv status \${name(slot)}\`, text => ({ state: text.startsWith('run') ? 'running' : 'stopped', release: undefined })),
    pid: slot => sh.read\`cat /etc/service/\${name(slot)}/supervise/pid\`,
    log: (slot, lines) => capture(sh.read\`tail -n \${lines} \${layout.slot(slot.name).tmp}/log\`, text => text),
    provision: () => ({ tools: { sv: 'runit' }, files: [], folders: [], sudo: [], apply: [] }),
  }
}
declare const open: () => Promise<RuntimeUnderTest>
runtimeContract('runit', open)
`

describe('a plugin in a package of its own', () => {
  it('is written with the packed types and the packed page alone: a build source, a router with its suite, and a runtime', async () => {
    const page = await readFile(join(folder, 'node_modules/switchyard-deploy/docs/plugins.md'), 'utf8')
    const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
    expect(blocks.length).toBeGreaterThanOrEqual(3)
    const sources = [...blocks, runtimePlugin].map((text, i) => ({ name: `plugin-${i}.mts`, text }))
    for (const { name, text } of sources) await writeFile(join(folder, name), text)
    expect(await compiled(...sources.map(({ name }) => name))).toBe('')
    // The control: a router without one of its methods.
    const router = sources.find(({ text }) => text.includes('Plugin<Router> => {'))
    await writeFile(join(folder, 'incomplete.mts'), router?.text.replace('verify: requests.verify,', '') ?? '')
    expect(await compiled('incomplete.mts')).toMatch(/'verify' is missing/)
  })

  it('is tested by the suite that the package exports, which finds a breach of the contract', async () => {
    await writeFile(join(folder, 'archive.mjs'), plugin)
    await writeFile(join(folder, 'archive.test.mjs'), pluginTest)
    const tested = () => authorsTests(folder, 'archive.test.mjs')
    expect(await tested()).toEqual({ passed: 4, failed: [] })
    // The control: a plugin that breaks the contract.
    await writeFile(join(folder, 'archive.mjs'), plugin.replace(' + dirty', ''))
    expect(await tested()).toMatchObject({ passed: 3, failed: [expect.any(String)] })
  })
})

describe('this repository, after npm ci', () => {
  it('runs npx task', async () => {
    const { stdout } = await run('npx', ['task'], { cwd: HOME, env })
    expect(stdout).toMatch(/promote +Send the traffic to a slot/)
  })
})
