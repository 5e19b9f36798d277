import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildProgram, type Program, projectWith, runTask } from './program.ts'

const taskfile = `
import { definer } from 'switchyard-deploy'
const { task } = definer()
export const hello = task('Say hello', { run: ({ log }) => log('hello') })
`
/** Records every module that Node loads, by import or by require. */
const recorder = `
import { appendFileSync } from 'node:fs'
import Module, { register } from 'node:module'
const note = name => appendFileSync(process.env.RECORD, name + '\\n')
const load = Module._load
Module._load = function (name, ...rest) { note(name); return load.call(this, name, ...rest) }
register('data:text/javascript,' + encodeURIComponent(\`
  import { appendFileSync } from 'node:fs'
  export async function resolve(name, context, next) {
    appendFileSync(process.env.RECORD, name + '\\\\n')
    return next(name, context)
  }\`))
`
const HEAVY = ['esbuild', 'listr2', 'ssh2', 'ssh2-sftp-client', 'zx', 'dotenv']

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
beforeAll(async () => {
  program = await buildProgram()
  project = await projectWith({ 'Taskfile.ts': taskfile, 'recorder.mjs': recorder })
})
afterAll(async () => {
  await program[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
})

let runs = 0
async function loaded(...args: string[]): Promise<string[]> {
  const record = join(project.folder, `record-${++runs}`)
  const node = ['--import', join(project.folder, 'recorder.mjs')]
  const { code, stderr } = await runTask(program, project, args, { env: { RECORD: record }, node })
  expect([code, stderr]).toEqual([0, ''])
  const names = (await readFile(record, 'utf8')).split('\n')
  return HEAVY.filter(heavy => names.some(name => name === heavy || name.startsWith(`${heavy}/`)))
}

describe('npx task', () => {
  it('loads esbuild only for a Taskfile that is not in the cache', async () => {
    expect(await loaded('hello')).toEqual(['esbuild', 'zx'])
  })

  it.each([
    [[]],
    [['hello', '--help']],
    [['--help']],
    [['completion', 'bash']],
    [['completion', '--', 'hel']],
    [['completion', '--', 'hello', '--']],
  ])('loads no heavy module for %j with a cached Taskfile', async args => {
    expect(await loaded(...args)).toEqual([])
  })

  it('loads zx alone to run a task outside a terminal', async () => {
    expect(await loaded('hello', '--json')).toEqual(['zx'])
  })
})
