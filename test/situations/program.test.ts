/** The program on the user's machine: versions of Node, missing packages, a full disk, closed pipes. No host is needed. */

import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import { type Ended, runProgram } from '../../dev/site.ts'
import { nodes } from '../support/nodes.ts'

const BIN = join(HOME, 'bin/task.mjs')

/** Makes a folder with these files; removed after the last test. */
const folders: string[] = []
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'switchyard-program-')))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}
afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

const envOf = (folder: string) => ({ ...process.env, CI: '1', HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') })
const task = (folder: string, args: readonly string[], node?: string, bin = BIN): Promise<Ended> =>
  runProgram(folder, envOf(folder), [bin, ...args], node).ended

/** Runs a line of bash in which `task` is the program. */
function shell(folder: string, line: string): Promise<Ended> {
  const env = { ...envOf(folder), NODE: process.execPath, BIN }
  const child = spawn('bash', ['-c', `task() { "$NODE" "$BIN" "$@"; }; ${line}`], { cwd: folder, env })
  const [stdout, stderr] = [child.stdout, child.stderr].map(stream => stream.setEncoding('utf8').toArray())
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', async code =>
      resolve({ code: code ?? 128, stdout: ((await stdout) ?? []).join(''), stderr: ((await stderr) ?? []).join('') }),
    )
  })
}

const TASKFILE = `
import { beam, definer, local, nginx, project, tarball } from 'switchyard-deploy'
import { answer } from './helper.cjs'
import greeting from 'common-greeting'

const { tasks } = project({
  app: 'life',
  host: local(),
  build: tarball({ path: 'life.tar.gz', version: '1.0.0' }),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { deploy, promote, status } = tasks
export const hello = definer().task('Say hello', {
  run: async ({ $, show }) => show(await $\`echo \${greeting.hello} \${answer} from \${import.meta.url}\`.text()),
})
`
const COMMONJS = {
  'package.json': '{ "name": "team", "private": true, "type": "commonjs" }',
  'helper.cjs': 'exports.answer = 42',
  'node_modules/common-greeting/package.json': '{ "name": "common-greeting", "version": "1.0.0", "main": "index.js" }',
  'node_modules/common-greeting/index.js': "module.exports = { hello: 'hello' }",
  'Taskfile.ts': TASKFILE,
}

describe('F77 Node and its packages', () => {
  const OLD = ['16', '18', '20.18', '22.2'] as const
  const GOOD = ['20.19', '22', '24'] as const
  let node: Readonly<Record<(typeof OLD)[number] | (typeof GOOD)[number], string>>
  let commonJs: string

  beforeAll(async () => {
    ;[node, commonJs] = await Promise.all([nodes([...OLD, ...GOOD]), folderWith(COMMONJS)])
  })

  it.each(OLD)('F77 Node %s makes every command exit with 2 and one line', async version => {
    for (const args of [
      [],
      ['--help'],
      ['deploy'],
      ['promote', 'green'],
      ['status', '--json'],
      ['completion', 'bash'],
    ]) {
      const { code, stdout, stderr } = await task(commonJs, args, node[version])
      expect([code, stdout], args.join(' ')).toEqual([2, ''])
      expect(stderr).toMatch(
        /^switchyard needs Node 20\.19, or 22\.12 or later, and this is v\d+\.\d+\.\d+\. Install a newer Node\.\n$/,
      )
    }
  })

  it('F77 the oldest supported Node is the one of package.json', async () => {
    const { engines } = JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8'))
    const [, old, current] = /OLDEST = \{ 20: (\d+), 22: (\d+) \}/.exec(await readFile(BIN, 'utf8')) ?? []
    expect(engines.node).toBe(`^20.${old}.0 || >=22.${current}.0`)
  })

  it.each(GOOD)('F77 Node %s runs a Taskfile in a CommonJS package with its imports', async version => {
    const list = await task(commonJs, [], node[version])
    expect(list, list.stderr).toMatchObject({ code: 0, stderr: '' })
    expect(list.stdout).toMatch(/hello +Say hello/)
    const hello = await task(commonJs, ['hello'], node[version])
    expect(hello, hello.stderr).toMatchObject({ code: 0, stderr: '' })
    expect(hello.stdout).toContain(`hello 42 from file://${commonJs}/Taskfile.ts`)
  })

  it.each(GOOD)('F77 Node %s makes a run that ends without a result exit with 1', async version => {
    const folder = await folderWith({
      'Taskfile.ts': `
import { definer } from 'switchyard-deploy'
const { task } = definer()
const leave = task('Leave', { run: () => process.exit(0) })
const empty = task('Wait without anything to wait for', {
  run: () => (process.removeAllListeners('beforeExit'), new Promise<void>(() => {})),
})
export { leave, empty }
`,
    })
    for (const args of [['leave'], ['leave', '--json'], ['empty']]) {
      const { code, stdout, stderr } = await task(folder, args, node[version])
      expect(code, stdout + stderr).toBe(1)
      expect(stdout + stderr).toContain('NO_RESULT')
    }
  })

  it('F77 a Taskfile that calls process.exit while it is loaded makes the program exit with 2', async () => {
    const folder = await folderWith({ 'Taskfile.ts': 'process.exit(0)' })
    const ended = await task(folder, ['deploy'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^error: .* \[NO_RESULT\]\n {2}next: .*process\.exit/)
    expect(await task(folder, ['completion', '--', 'dep'])).toMatchObject({ stdout: '', stderr: '' })
  })

  it('F77 a missing package is named, with exit code 2', async () => {
    const copy = await folderWith({})
    for (const part of ['bin', 'dist', 'nginx', 'package.json'])
      await cp(join(HOME, part), join(copy, part), { recursive: true })
    const plain =
      "import { definer } from 'switchyard-deploy'\nexport const hello = definer().task('Say hello', { run: async ({ $ }) => void (await $`true`) })\n"
    const folder = await folderWith({ 'Taskfile.ts': plain })
    const missing = async (args: readonly string[]) => {
      const { code, stderr } = await task(folder, args, undefined, join(copy, 'bin/task.mjs'))
      expect(code, stderr).toBe(2)
      expect(stderr).not.toMatch(/^ +at /m)
      expect(stderr).toMatch(/^ {2}next: .*npm install/m)
      return /The package (\S+), which switchyard needs, is not installed\. \[PACKAGE_MISSING\]/.exec(stderr)?.[1]
    }
    expect(await missing([])).toBe('esbuild')
    // With each package that is added, the next one is missing.
    const add = async (name: string) => {
      await mkdir(join(copy, 'node_modules'), { recursive: true })
      await symlink(join(HOME, 'node_modules', name), join(copy, 'node_modules', name))
    }
    await add('esbuild')
    const next = await missing(['hello'])
    expect(next).toMatch(/^(?:ssh2|zx|tar)$/)
    // --version does not load the Taskfile, and needs no package.
    expect(await task(folder, ['--version'], undefined, join(copy, 'bin/task.mjs'))).toMatchObject({ code: 0 })
  })

  it('F77 a working folder that is gone makes the program exit with 2 and no stack', async () => {
    const gone = await folderWith({})
    for (const args of ['', 'deploy', '--help', 'status --json']) {
      const ended = await shell(gone, `mkdir -p there && cd there && rmdir ../there && task ${args}`)
      expect(ended, args).toMatchObject({ code: 2 })
      expect(ended.stdout + ended.stderr).toContain('FOLDER_GONE')
      expect(ended.stderr).not.toMatch(/^ +at /m)
    }
  })
})

describe('F78 a wrong field', () => {
  const options = {
    'ssh(': "ssh('web-1', { configFile: 'x' })",
    'tarball(': "tarball({ path: 'life.tar.gz', version: '1.0.0' })",
    'beam(': 'beam({ stopLimit: 5 })',
    'nginx(': "nginx({ site: 'life.example' })",
  }
  const taskfile = (change: (text: string) => string) =>
    change(`import { arg, beam, command, docker, nginx, project, ssh, tarball } from 'switchyard-deploy'

const { tasks, task } = project({
  app: 'life',
  host: ${options['ssh(']},
  build: ${options['tarball(']},
  runtime: ${options['beam(']},
  router: ${options['nginx(']},
  env: '.env',
  health: { path: '/health', passes: 3 },
  probe: { rate: 40 },
  slots: {
    blue: { port: 4000 },
    green: { port: 5000, env: { POOL: '5' } },
  },
})
export const { deploy, status } = tasks
export const warm = task('Warm the caches', { needs: [tasks.detectLive], run: () => undefined })
`)

  it.each<[string, string, string, string, string]>([
    ['env', "env: '.env'", "enviroment: '.env'", '9:3', 'has no option `enviroment`'],
    ['env', "env: '.env'", "evn: '.env'", '9:3', 'Did you mean `env`?'],
    ['app', "app: 'life'", 'app: 5', '4:3', '`app` of project() cannot be 5'],
    ['app', "app: 'life'", "app: 'Life!'", '4:3', '"Life!" is not a valid application name'],
    [
      'host',
      "host: ssh('web-1', { configFile: 'x' })",
      "host: 'web-1'",
      '5:3',
      '`host` of project() cannot be "web-1"',
    ],
    ['ssh', "ssh('web-1'", 'ssh(process.env.NOT_SET', '5:9', 'The argument of ssh() cannot be undefined.'],
    ['ssh', 'configFile', 'config', '5:24', 'Did you mean `configFile`?'],
    ['tarball', "path: 'life.tar.gz', ", '', '6:10', 'needs `path`'],
    ['tarball', 'path:', 'paht:', '6:20', 'Did you mean `path`?'],
    ['docker', options['tarball('], "docker({ contxt: '.' })", '6:19', 'Did you mean `context`?'],
    ['command', options['tarball('], "command({ run: ['make'] })", '6:20', '`run` of command() cannot be a list'],
    ['beam', 'stopLimit: 5', "stopLimit: '5'", '7:19', '`stopLimit` of beam() cannot be "5"'],
    ['runtime', 'beam({ stopLimit: 5 })', 'beam', '7:3', '`runtime` of project() cannot be a function'],
    ['router', options['nginx('], 'beam()', '8:3', '`router` of project() cannot be an object'],
    ['nginx', "site: 'life.example'", "sites: 'life.example'", '8:19', 'Did you mean `site`?'],
    ['health', 'passes: 3', 'passes: 0', '10:30', '`health.passes` of project() cannot be 0'],
    ['health', "path: '/health'", "pth: '/health'", '10:13', 'Did you mean `path`?'],
    ['probe', 'rate: 40', 'rates: 40', '11:12', 'Did you mean `rate`?'],
    ['slots', 'blue: { port: 4000 }', 'blue: { prt: 4000 }', '13:13', 'Did you mean `port`?'],
    [
      'slots',
      'green: { port: 5000',
      "green: { port: '5000'",
      '14:14',
      '`slots.green.port` of project() cannot be "5000"',
    ],
    ['slots', 'port: 5000', 'port: 4000', '14:14', 'have the same port'],
    ['task', 'needs:', 'need:', '18:47', 'Did you mean `needs`?'],
    ['task', 'run: () => undefined', 'rnu: () => undefined', '18:74', 'Did you mean `run`?'],
  ])('F78 of %s (%s written as %s) is reported with its place', async (_, from, to, place, message) => {
    const folder = await folderWith({ 'Taskfile.ts': taskfile(text => text.replace(from, to)) })
    const { code, stdout, stderr } = await task(folder, ['deploy'])
    expect([code, stdout], stderr).toEqual([2, ''])
    expect(stderr).toContain(message)
    expect(stderr).toContain(`error: Taskfile.ts:${place}  `)
    expect(stderr).toMatch(new RegExp(`^ +> +${place.split(':')[0]} \\| `, 'm'))
  })

  it.each(['', '--help', 'status --json', 'nothing'])(
    'F78 is reported by `task %s` too, and nothing else is',
    async args => {
      const folder = await folderWith({ 'Taskfile.ts': taskfile(text => text.replace('env:', 'evn:')) })
      const { code, stdout, stderr } = await task(folder, args.split(' ').filter(Boolean))
      expect(code).toBe(2)
      const message = args.includes('--json') ? JSON.parse(stdout.split('\n')[0] ?? '').message : stderr
      expect(message).toContain('Taskfile.ts:9:3  project() has no option `evn`.')
    },
  )

  it('F78 in an imported file is reported with its place in that file', async () => {
    const parts =
      "import { beam } from 'switchyard-deploy'\n\nconst options = {\n  stopLimt: 5,\n}\nexport const runtime = beam(options as {})\n"
    const folder = await folderWith({
      'parts/runtime.ts': parts,
      'Taskfile.ts': taskfile(
        text => `import { runtime } from './parts/runtime.ts'\n${text.replace(options['beam('], 'runtime')}`,
      ),
    })
    const { code, stderr } = await task(folder, ['deploy'])
    expect(code, stderr).toBe(2)
    // The options are defined before the call, whose place is the one that is known.
    expect(stderr).toContain('parts/runtime.ts:6:24  beam() has no option `stopLimt`.')
  })
})

describe('F79 lost output', () => {
  let folder: string
  beforeAll(async () => {
    folder = await folderWith({
      'Taskfile.ts': `
import { definer } from 'switchyard-deploy'
const { task } = definer()
export const short = task('Say a word', { run: ({ show }) => show('it is done', { done: true }) })
export const long = task('Say much', {
  async run({ $, show }) {
    await $\`seq 30000\`
    await $\`touch went-on\`
    show('it is done')
  },
})
export const fail = task('Go wrong', { run: () => Promise.reject(new Error('went wrong')) })
`,
    })
    expect(await task(folder, [])).toMatchObject({ code: 0 })
  })

  it.each([
    '',
    '--version',
    '--help',
    'short',
    'short --json',
    'short --verbose',
    'long --verbose',
    'completion bash',
    'help short',
  ])('F79 of `task %s` on a full disk makes it fail with an error', async args => {
    const ended = await shell(folder, `task ${args} > /dev/full`)
    expect(ended, ended.stderr).toMatchObject({ code: 1 })
    expect(ended.stderr).toMatch(
      /^error: The command itself succeeded, but its result .* ENOSPC.*\[OUTPUT_LOST\]\n {2}next: /,
    )
    expect(ended.stderr).not.toMatch(/^ +at /m)
  })

  it.each(['short', 'short --json', 'long --verbose'])(
    'F79 of `task %s` whose reader has closed the pipe makes it fail with an error',
    async args => {
      const ended = await shell(folder, `set -o pipefail; rm -f went-on; (sleep 0.1; task ${args}) | true`)
      expect(ended, ended.stderr).toMatchObject({ code: 1 })
      expect(ended.stderr).toMatch(/^error: .*its reader has closed it\. \[OUTPUT_LOST\]\n {2}next: /)
      if (args.startsWith('long')) expect(await shell(folder, 'ls went-on')).toMatchObject({ code: 0 })
    },
  )

  it.each(['', 'help', '--version'])(
    'F79 of `task %s` whose reader has closed the pipe makes it fail silently',
    async args => {
      const ended = await shell(folder, `set -o pipefail; (sleep 0.1; task ${args}) | true`)
      expect(ended).toMatchObject({ code: 1, stderr: '' })
    },
  )

  it('F79 of a failure changes neither its exit code nor its error, and with stderr lost too not its exit code', async () => {
    const ended = await shell(folder, 'task fail > /dev/full')
    expect(ended).toMatchObject({ code: 1 })
    expect(ended.stderr).toMatch(/^error: went wrong \[FAILED\]/)
    expect(ended.stderr).not.toContain('OUTPUT_LOST')
    for (const line of ['task fail > /dev/full 2>&1', 'task fail 2> /dev/full', 'task nothing 2> /dev/full'])
      expect(await shell(folder, `${line}; exit $?`), line).toMatchObject({ code: line.includes('nothing') ? 2 : 1 })
    // A success that printed nothing to stderr has lost nothing.
    expect(await shell(folder, 'task short 2> /dev/full')).toMatchObject({ code: 0 })
  })
})
