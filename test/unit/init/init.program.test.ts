/** `task init` as a whole program, in projects of strangers. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STRANGERS } from '../../support/strangers.ts'
import {
  buildProgram,
  type Program,
  type Project,
  projectWith,
  runTask,
  startInTerminal,
  startLineInTerminal,
} from '../runner/program.ts'

const run = promisify(execFile)

let program: Program
beforeAll(async () => {
  program = await buildProgram('index.ts')
})
afterAll(() => program[Symbol.asyncDispose]())

/** A project in a folder of the application's name, because that may be all that says it. */
async function stranger(name: string): Promise<Project> {
  const { app, files } = STRANGERS[name] ?? expect.fail(name)
  const project = await projectWith({})
  const folder = join(project.folder, app)
  await mkdir(folder)
  const inFolder = { ...project, folder }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return inFolder
}
const NODE = 'Node.js with a start script'
const filesIn = async (folder: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder, { recursive: true, withFileTypes: true }))
        .filter(entry => entry.isFile())
        .map(async ({ parentPath, name }) => {
          const path = join(parentPath, name)
          return [path.slice(folder.length + 1), await readFile(path, 'utf8')]
        }),
    ),
  )
const result = ({ stdout }: { stdout: string }) => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')

describe('npx task init', () => {
  it.each(Object.keys(STRANGERS))(
    'writes a Taskfile whose commands are listed, and a second run adds nothing: %s',
    async name => {
      const { app, stack, tasks, files } = STRANGERS[name] ?? expect.fail(name)
      await using project = await stranger(name)
      const first = await runTask(program, project, ['init', '--yes', '--no-install', '--json'])
      expect([first.code, first.stderr]).toEqual([0, ''])
      expect(result(first)).toMatchObject({ ok: true, data: { stack, app, host: 'deploy@web-1', ports: [4000, 5000] } })

      const listed = await runTask(program, project, ['--help', '--json'])
      expect([listed.code, listed.stderr]).toEqual([0, ''])
      const commands = result(listed).data.map((command: { name: string }) => command.name)
      expect(commands).toEqual(
        expect.arrayContaining(['bootstrap', 'setup', 'deploy', 'promote', 'rollback', 'env-diff', ...tasks]),
      )
      expect(commands.includes('migrate')).toBe(tasks.includes('migrate'))

      const written = await filesIn(project.folder)
      for (const [path, text] of Object.entries(files))
        expect(written[path]?.startsWith(text.trimEnd()) ?? false, path).toBe(true)
      const second = await runTask(program, project, ['init', '--no-install', '--json'])
      expect(second.code, second.stdout).toBe(0)
      expect(result(second).data.files.map(({ state }: { state: string }) => state)).not.toContain('written')
      expect(await filesIn(project.folder)).toEqual(written)
    },
  )

  it('hides the secrets that it makes from git and from its output, and nobody else can read them', async () => {
    await using project = await stranger('Phoenix, built on this machine')
    await run('git', ['init', '-q', '-b', 'trunk', project.folder])
    const { stdout } = await runTask(program, project, ['init', '--yes', '--no-install', '--verbose'])
    const file = join(project.folder, '.env.production')
    const secret = /^SECRET_KEY_BASE=(\S{64})$/m.exec(await readFile(file, 'utf8'))?.[1] ?? expect.fail('no secret')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(stdout).not.toContain(secret)
    await run('git', ['-C', project.folder, 'add', '--all'])
    const { stdout: tracked } = await run('git', ['-C', project.folder, 'ls-files'])
    expect(tracked.split('\n')).toEqual(
      expect.arrayContaining(['Taskfile.ts', '.env.production.example', '.github/workflows/deploy.yml']),
    )
    expect(tracked).not.toMatch(/^\.env\.production$/m)
    const { stdout: content } = await run('git', ['-C', project.folder, 'grep', '--cached', '-c', secret]).catch(
      error => error,
    )
    expect(content).toBe('')
  })

  it('tells what it kept, which lines are missing there, what is left to do, and the next commands', async () => {
    await using project = await stranger(NODE)
    await project.write(
      'files/Taskfile.ts',
      "// mine\nimport { project } from 'x'\nproject({\n  host: ssh('root@10.0.0.1'),\n})\n",
    )
    await project.write('files/tsconfig.json', '{ "compilerOptions": { "module": "commonjs" }, "include": ["src"] }\n')
    const { code, stdout } = await runTask(program, project, ['init', '--yes', '--no-install'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^tsconfig\.json +kept, the Taskfile needs nothing of it$/m)
    expect(stdout).not.toContain('tsconfig.json lacks')
    expect(stdout).toMatch(/^ok: Look at the folder {2}a Node\.js application \(package\.json\)/m)
    expect(stdout).toMatch(/^Taskfile\.ts +kept, lacks the lines below$/m)
    expect(stdout).toContain('Taskfile.ts lacks:\n    import {')
    expect(stdout).toContain("\n      router: nginx({ site: 'files.example' }),\n")
    expect(stdout).not.toContain("host: ssh('root@10.0.0.1')")
    expect(stdout).toContain(
      '- Commit, because a release is made from a commit: `git init`, `git add --all`, `git commit`.\n',
    )
    expect(stdout).toMatch(
      /Next:\n {4}npm install --save-dev \S+@\^0\.0\.0-test @types\/node\n {4}npx task bootstrap root@10\.0\.0\.1\n {4}npx task setup\n {4}npx task deploy\n {4}npx task promote blue\n$/,
    )
    expect(await readFile(join(project.folder, 'Taskfile.ts'), 'utf8')).toMatch(/^\/\/ mine\n/)
  })

  it('writes the Taskfile of a static site behind Caddy, and refuses HAProxy, which serves no files', async () => {
    await using project = await stranger('a static site')
    const args = ['init', '--yes', '--no-install', '--json']
    const refused = await runTask(program, project, [...args, '--router', 'haproxy'])
    expect(refused.code).toBe(2)
    expect(refused.stdout).toContain('"INIT_ROUTER_UNFIT"')
    const made = await runTask(program, project, [...args, '--router', 'caddy'])
    expect(result(made)).toMatchObject({ ok: true, data: { stack: 'static', router: 'caddy' } })
    const taskfile = await readFile(join(project.folder, 'Taskfile.ts'), 'utf8')
    expect(taskfile).toContain('import { caddy, command, files, git, project, ssh } from ')
    expect(taskfile).toContain("router: caddy({ site: 'pages.example' }),")
    expect(await runTask(program, project, ['config'])).toMatchObject({ code: 0, stderr: '' })
  })

  it('changes nothing in a dry run', async () => {
    await using project = await stranger(NODE)
    const before = await filesIn(project.folder)
    const { code, stdout } = await runTask(program, project, ['init', '--yes', '--dry-run'])
    expect(code).toBe(0)
    expect(stdout).toContain('  | would write Taskfile.ts:\n')
    expect(stdout).toContain("  |     host: ssh('deploy@web-1'),\n")
    expect(stdout).toContain('  | would run: npm install --save-dev')
    expect(stdout).toContain('(dry run, nothing was changed)')
    expect(await filesIn(project.folder)).toEqual(before)
  })

  it.each([[[]], [['--json']]])('refuses to guess without a terminal, and writes nothing: %j', async flags => {
    await using project = await stranger(NODE)
    const before = await filesIn(project.folder)
    const { code, stdout, stderr } = await runTask(program, project, ['init', ...flags])
    expect(code).toBe(2)
    expect(stdout + stderr).toContain('INIT_UNANSWERED')
    expect(stdout + stderr).toContain('Which host is it deployed to, as for ssh? [deploy@web-1]')
    expect(stdout + stderr).toContain('or --yes to take what is proposed')
    expect(await filesIn(project.folder)).toEqual(before)
  })

  it('asks three questions in a terminal', async () => {
    await using project = await stranger(NODE)
    const running = startInTerminal(program, project, ['init', '--no-install'])
    await running.printed('[deploy@web-1]')
    running.child.stdin?.write('deploy@203.0.113.7\n')
    await running.printed('[files.example]')
    running.child.stdin?.write('files.example.com\n')
    await running.printed('[4000,5000]')
    running.child.stdin?.write('\n')
    const { code, stdout } = await running.ended
    expect(code, stdout).toBe(0)
    const taskfile = await readFile(join(project.folder, 'Taskfile.ts'), 'utf8')
    expect(taskfile).toContain("host: ssh('deploy@203.0.113.7')")
    expect(taskfile).toContain("router: nginx({ site: 'files.example.com' })")
    expect(taskfile).toContain('slots: { blue: { port: 4000 }, green: { port: 5000 } }')
  })

  it('writes nothing after Ctrl-C at a question', async () => {
    await using project = await stranger(NODE)
    const before = await filesIn(project.folder)
    const running = startLineInTerminal([process.execPath, program.bin, 'init'].join(' '), project)
    await running.printed('[deploy@web-1]')
    running.child.stdin?.write('\x03')
    expect((await running.ended).code).toBe(130)
    expect(await filesIn(project.folder)).toEqual(before)
  })

  it('installs with the package manager of the folder, and says how to when that fails', async () => {
    await using project = await stranger(NODE)
    const bin = join(project.folder, '..', 'bin')
    await mkdir(bin)
    const standIn = async (script: string) => writeFile(join(bin, 'npm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const env = { PATH: `${bin}:${project.env.PATH}` }
    await standIn('echo "$@" > args; echo out of luck >&2; exit 3')
    const args = ['init', '--yes', '--package', './some.tgz']
    const failed = await runTask(program, project, args, { env })
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[INIT_INSTALL_FAILED]\n    out of luck\n'),
    })
    expect(failed.stderr).toContain('All files have been written.')
    expect(failed.stdout).toContain('Next:\n    npx task bootstrap root@web-1\n    npx task setup\n')
    expect(await readFile(join(project.folder, 'args'), 'utf8')).toBe('install --save-dev ./some.tgz @types/node\n')
    await standIn('exit 0')
    expect((await runTask(program, project, args, { env })).code).toBe(0)
  })

  it('explains itself and checks its flags without a Taskfile', async () => {
    await using project = await projectWith({})
    for (const args of [
      ['init', '--help'],
      ['help', 'init'],
    ]) {
      const { code, stdout, stderr } = await runTask(program, project, args)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^npx task init \[flags\]\n\nSet up this folder for deploys\n/)
      expect(stdout).toContain('Steps:\n  1. Look at the folder\n')
      expect(stdout).toContain('--no-install')
    }
    expect(await runTask(program, project, ['init', '--stack', 'rust', '--yes'])).toMatchObject({ code: 2, stdout: '' })
    expect((await runTask(program, project, ['init', '--hots', 'x'])).stderr).toContain('Did you mean --host?')
    const missing = await runTask(program, project, [])
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Write one with `npx switchyard-deploy init`'),
    })
  })
})
