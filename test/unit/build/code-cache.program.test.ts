/** The code that V8 compiled in an earlier run of the built package. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { projectWith, runTask } from '../runner/program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const taskfile = `
import { definer } from 'switchyard-deploy'
const { task } = definer()
export const hello = task('Say hello', { async run() {} })
`

let folder: string
let script: string
let kept: string
let project: Awaited<ReturnType<typeof projectWith>>
beforeEach(async () => {
  // Inside node_modules it finds its dependencies; its own folder of that name is for the code.
  folder = await mkdtemp(join(root, 'node_modules', '.cache', 'code-cache-test-'))
  for (const part of ['bin', 'dist', 'package.json'])
    await cp(join(root, part), join(folder, part), { recursive: true })
  await mkdir(join(folder, 'node_modules'))
  script = join(folder, 'dist', (await readdir(join(folder, 'dist'))).find(name => name.endsWith('.script.js')) ?? '')
  kept = join(folder, 'node_modules/.cache/switchyard', `code-${process.version}-${process.arch}`)
  project = await projectWith({ 'Taskfile.ts': taskfile })
})
afterEach(async () => {
  await project[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function help(env: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = { bin: join(folder, 'bin/task.mjs'), [Symbol.asyncDispose]: async () => undefined }
  const { code, stderr, stdout } = await runTask(program, project, ['--help'], { env })
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

const TEXT = 'Flags of every command'
const OTHER = 'Other text of this size'.slice(0, TEXT.length)

/** Another script of the same length. @returns the length of both */
async function changeScript(): Promise<number> {
  const source = await readFile(script, 'utf8')
  await writeFile(script, source.replace(TEXT, OTHER))
  return Buffer.byteLength(source)
}

it('is used in the next run', async () => {
  const original = await readFile(script)
  const length = await changeScript()
  expect(await help()).toContain(OTHER)
  const code = await readFile(kept)
  await writeFile(script, original)
  // The code of the other script, as if it were that of this one.
  await writeFile(kept, Buffer.concat([code.subarray(0, code.length - length), original]))
  expect(await help()).toContain(OTHER)
})

it('is not used for another script, even one of the same length, and is replaced', async () => {
  expect(await help()).toContain(TEXT)
  const before = await readFile(kept)
  await changeScript()
  expect(await help()).toContain(OTHER)
  expect((await readFile(kept)).equals(before)).toBe(false)
  expect(await help()).toContain(OTHER)
})

it.each([
  ['damaged', (code: Buffer) => code.fill(0, 1000, 2000)],
  ['incomplete', (code: Buffer) => code.subarray(0, 1000)],
  ['empty', () => Buffer.alloc(0)],
])('is not used when it is %s', async (_, harm) => {
  await help()
  const code = await readFile(kept)
  await writeFile(kept, harm(Buffer.from(code)))
  expect(await help()).toContain(TEXT)
  expect((await readFile(kept)).length).toBeGreaterThan(code.length / 2)
})

it('is neither kept nor used where no folder can be written, or when Node is told so', async () => {
  await writeFile(join(folder, 'node_modules/.cache'), '')
  expect(await help({ XDG_CACHE_HOME: script })).toContain(TEXT)
  await rm(join(folder, 'node_modules/.cache'))
  expect(await help({ NODE_DISABLE_COMPILE_CACHE: '1' })).toContain(TEXT)
  expect(await readdir(join(folder, 'node_modules'))).toEqual([])
})

it('is kept only after a Taskfile was loaded, so that it has what every command calls', async () => {
  const program = { bin: join(folder, 'bin/task.mjs'), [Symbol.asyncDispose]: async () => undefined }
  await runTask(program, project, ['--version'])
  expect(await readdir(join(folder, 'node_modules'))).toEqual([])
})
