/** Sources of variables with whole programs: when they are asked, and that no secret is shown. */
import { createHash } from 'node:crypto'
import { chmod, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProgram, type Program, type Project, projectWith, runTask } from './runner/program.ts'

const TASKFILE = `
import { createHash } from 'node:crypto'
import { beam, docker, file, fromProcess, nginx, project, sops, ssh } from 'switchyard-deploy'
const { tasks, task } = project({
  app: 'life', host: ssh('web-1'), build: docker(), runtime: beam(), router: nginx({ site: 'life.example' }),
  env: [file('.env'), sops('secrets.enc.yaml', { plain: ['MODE'] }), fromProcess(['TOKEN'])],
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { config } = tasks
export const look = task('Look', { run: ({ show }) => show('nothing needed: sesame-of-process') })
export const careless = task('Careless', { run: ({ variables, slots }) => void variables(slots.all[0]) })
const first = task('Need it', { secrets: true, run: ({ variables, slots }) => ({ one: variables(slots.all[0]) }) })
export const use = task('Use it', {
  secrets: true,
  needs: [first],
  run({ one, show }) {
    show(Object.values(one).filter(value => /canary|sesame|over/.test(value)).join(' '))
    show(createHash('sha256').update([one.A, one.B, one.MODE, one.TOKEN].join()).digest('hex'))
  },
})
`
/** Appends a line for each call. */
const SOPS = `#!/bin/sh
echo "$@" >> "$HOME/calls"
if [ -n "$SOPS_FAILS" ]; then echo 'Failed to get the data key required to decrypt the SOPS file.' >&2; exit 128; fi
echo '{"B": "sesame-of-sops", "A": "overridden", "MODE": "canary"}'
`

let program: Program
let project: Project
beforeAll(async () => {
  program = await buildProgram('index.ts')
  project = await projectWith({ 'Taskfile.ts': TASKFILE, '.env': 'A=sesame-of-file\n', 'bin/sops': SOPS })
  await chmod(`${project.folder}/bin/sops`, 0o755)
})
afterAll(async () => {
  await project[Symbol.asyncDispose]()
  await program[Symbol.asyncDispose]()
})

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runTask(program, project, args, {
    env: { PATH: `${project.folder}/bin:${process.env.PATH}`, TOKEN: 'sesame-of-process', ...env },
  })
const calls = async () =>
  (await readFile(`${project.folder}/calls`, 'utf8').catch(() => '')).split('\n').filter(Boolean)

it('a command that needs no variables asks no program, and redacts what it knows', async () => {
  const { code, stdout } = await run(['look'])
  expect(code).toBe(0)
  expect(stdout).toContain('nothing needed: [hidden]')
  expect(await calls()).toEqual([])
})

it('config lists the sources, asks no program and shows no secret', async () => {
  const { code, stdout } = await run(['config'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^environment +3 sources$/m)
  expect(stdout).toMatch(/^ {2}\.env +read$/m)
  expect(stdout).toMatch(/^ {2}sops secrets\.enc\.yaml +not asked$/m)
  expect(stdout).toMatch(/^ {2}A +\(hidden\)$/m)
  expect(stdout).not.toContain('sesame')
  expect(await calls()).toEqual([])
})

it('a command that needs them asks once, a later source overrides an earlier one, and all but the plain are redacted', async () => {
  const { code, stdout, stderr } = await run(['use'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('[hidden] canary')
  expect(stdout).not.toContain('sesame')
  const wanted = ['overridden', 'sesame-of-sops', 'canary', 'sesame-of-process'].join()
  expect(stdout).toContain(createHash('sha256').update(wanted).digest('hex'))
  expect(await calls()).toEqual(['--decrypt --output-type json secrets.enc.yaml'])
})

it('a program that fails ends the command before its first step, with its words', async () => {
  const { code, stderr, stdout } = await run(['use'], { SOPS_FAILS: '1' })
  expect(code).toBe(1)
  expect(stderr).toContain('[SECRETS_NO_ACCESS]')
  expect(stderr).toContain('Failed to get the data key')
  expect(stdout).not.toContain('sesame')
})

it('a variable that this process lacks is named, by a command that needs it alone', async () => {
  const { code, stderr } = await runTask(program, project, ['use'], {
    env: { PATH: `${project.folder}/bin:${process.env.PATH}` },
  })
  expect(code).toBe(2)
  expect(stderr).toContain('[ENV_VARIABLES_MISSING]')
  expect(stderr).toContain('lacks TOKEN')
})

it('a task that uses the variables without saying so is told what to write', async () => {
  const { code, stderr } = await run(['careless'])
  expect(code).toBe(2)
  expect(stderr).toContain('[ENV_NOT_READ]')
  expect(stderr).toContain('`secrets: true`')
})

it.each([
  ['a number', '3', '`env` of project() cannot be 3'],
  ['a file without a name', `[{ plain: ['A'] }]`, 'project() needs `env.0.file`'],
  ['something else in the list', `['.env', true]`, '`env.1` of project() cannot be true'],
  ['a wrong option', `[sops('x', { plane: [] })]`, 'sops() has no option `plane`'],
])('env with %s is refused with its place', async (_, env, message) => {
  await using broken = await projectWith({
    'Taskfile.ts': TASKFILE.replace(/env: \[.*\],\n/, `env: ${env},\n`),
  })
  const { code, stderr } = await runTask(program, broken, ['config'])
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/Taskfile\.ts:6:/)
})
