import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildProgram, type Program, projectWith, runTask, startInTerminal } from './program.ts'

const SECRETS = ['hunter2::100%25', '-----BEGIN KEY-----\nMIIE%vAIB\r\nab\n-----END KEY-----\n', '1', '']
/** Includes each line of the second secret except `ab`: a mask of two letters would garble the log and protect nothing. */
const MASKED = [SECRETS[0], SECRETS[1], SECRETS[1]?.trim(), '-----BEGIN KEY-----', 'MIIE%vAIB', '-----END KEY-----']

const taskfile = `
import { definer } from 'switchyard-deploy'
const { task } = definer({
  name: 'env',
  async open({ hide }) {
    hide(${JSON.stringify(SECRETS)})
    hide(${JSON.stringify(SECRETS.slice(0, 1))})
    return { context: () => ({}), async [Symbol.asyncDispose]() {} }
  },
})
export const leak = task('Leak', { run: ({ show }) => { show('hunter2::100%25'); console.error('MIIE%vAIB'); throw new Error('hunter2::100%25') } })
export const bare = definer().task('Need no scope', { run: () => undefined })
`

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
beforeAll(async () => {
  program = await buildProgram()
  project = await projectWith({ 'Taskfile.ts': taskfile })
})
afterAll(async () => {
  await program[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
})

const GITHUB = { GITHUB_ACTIONS: 'true', CI: 'true' }
const inGithub = (...args: string[]) => runTask(program, project, args, { env: GITHUB })
const COMMAND = '::add-mask::'
/** Decodes like the GitHub runner: the percent sign last, or an escaped one would form another escape. */
const masksIn = (text: string) =>
  text
    .split('\n')
    .filter(line => line.startsWith(COMMAND))
    .map(line => line.slice(COMMAND.length).replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%'))
/** The lines that the runner writes to its log. */
const logged = (text: string) =>
  text
    .split('\n')
    .filter(line => !line.startsWith(COMMAND))
    .join('\n')

describe('in the GitHub runner', () => {
  it('each secret and each of its lines is masked once, before any other output', async () => {
    const { code, stdout, stderr } = await inGithub('leak')
    expect(code).toBe(1)
    expect(masksIn(stderr).toSorted()).toEqual(MASKED.toSorted())
    const rest = logged(stderr)
    expect(stderr.endsWith(rest)).toBe(true)
    expect(rest).toContain('error: [hidden]')
    // A user may redirect standard output to a file.
    expect(stdout).not.toContain('add-mask')
    for (const secret of MASKED) expect(stdout + rest).not.toContain(secret)
  })

  it('standard output contains only events with --json', async () => {
    const { stdout, stderr } = await inGithub('leak', '--json')
    const types = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).type)
    expect(types[0]).toBe('start')
    expect(types.at(-1)).toBe('result')
    expect(masksIn(stderr)).toHaveLength(MASKED.length)
    expect(logged(stderr)).toBe('')
  })

  it('nothing is masked when there are no secrets', async () => {
    expect(await inGithub('bare')).toMatchObject({ code: 0, stderr: '' })
    expect(await inGithub('leak', '--help')).toMatchObject({ code: 0, stderr: '' })
  })

  it('a file that receives standard error gets no mask commands', async () => {
    const path = join(project.folder, 'stderr.log')
    await using file = await open(path, 'w')
    const child = spawn(process.execPath, [program.bin, 'leak'], {
      cwd: project.folder,
      env: { ...project.env, ...GITHUB },
      stdio: ['ignore', 'ignore', file.fd],
    })
    expect(await once(child, 'exit')).toEqual([1, null])
    const text = await readFile(path, 'utf8')
    expect(text).toContain('error: [hidden]')
    expect(text).not.toContain('add-mask')
  })

  it('a terminal gets no mask commands', async () => {
    const { stdout } = await startInTerminal(program, project, ['leak'], GITHUB).ended
    expect(stdout).toContain('[hidden]')
    expect(stdout).not.toContain('add-mask')
  })
})

it.each([{}, { GITHUB_ACTIONS: 'false' }, { CI: 'true', GITLAB_CI: 'true' }])(
  'outside the GitHub runner, with %j, no mask commands are printed',
  async env => {
    const { stdout, stderr } = await runTask(program, project, ['leak'], { env: env as Record<string, string> })
    expect(stdout + stderr).toContain('[hidden]')
    expect(stdout + stderr).not.toContain('add-mask')
    for (const secret of MASKED) expect(stdout + stderr).not.toContain(secret)
  },
)
