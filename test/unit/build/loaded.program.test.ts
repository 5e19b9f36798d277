/** Which files of the built package a command loads. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TASK } from '../../../dev/paths.ts'
import { projectWith, runTask } from '../runner/program.ts'

const taskfile = `
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh('web-1', { configFile: '/dev/null' }),
  build: tarball({ path: 'shop.tar.gz', version: env.VERSION ?? '1.0.0' }),
  runtime: service({ start: './shop' }),
  router: nginx({ site: 'shop.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { config, deploy, promote, status } = tasks
`
/** Records each file that Node loads by import. */
const recorder = `
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
  import { appendFileSync } from 'node:fs'
  export async function load(url, context, next) {
    appendFileSync(process.env.RECORD, url + '\\\\n')
    return next(url, context)
  }\`))
`
/** Records the modules of Node that have been loaded when the program ends. */
const listing = `
process.on('exit', () => process.getBuiltinModule('node:fs').writeFileSync(process.env.RECORD, process.moduleLoadList.join('\\n')))
`
const program = { bin: TASK, [Symbol.asyncDispose]: async () => undefined }

let project: Awaited<ReturnType<typeof projectWith>>
beforeAll(async () => {
  project = await projectWith({ 'Taskfile.ts': taskfile, 'recorder.mjs': recorder, 'listing.mjs': listing })
  await runTask(program, project, [])
})
afterAll(() => project[Symbol.asyncDispose]())

let runs = 0
async function recordedBy(hook: string, args: readonly string[]): Promise<string[]> {
  const record = join(project.folder, `record-${++runs}`)
  const node = ['--import', join(project.folder, hook)]
  const { code, stderr } = await runTask(program, project, args, { env: { RECORD: record }, node })
  expect([code, stderr]).toEqual([0, ''])
  return (await readFile(record, 'utf8')).split('\n')
}

/** The names without their hashes, such as `core`. */
async function loaded(...args: string[]): Promise<string[]> {
  const files = await recordedBy('recorder.mjs', args)
  return files.flatMap(file => /\/dist\/(\w+)(?:-[\w-]{8})?\.js$/.exec(file)?.[1] ?? []).toSorted()
}

const STARTED = ['cli', 'core', 'nginx', 'service']

it.each([[[]], [['deploy', '--help']]])(
  '%j loads the plugins of the Taskfile alone, and nothing that runs a command',
  async args => {
    expect(await loaded(...args)).toEqual(STARTED)
  },
)

it('a command that runs loads what it needs for that, but no other plugin', async () => {
  const files = await loaded('config')
  expect(files).toEqual(expect.arrayContaining([...STARTED, 'work']))
  expect(files).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/haproxy|caddy|beam|container|swarm|secrets|notify/)]),
  )
})

it('help loads no module of Node that only a command that runs needs', async () => {
  const later = [
    'child_process',
    'crypto',
    'internal/source_map/prepare_stack_trace',
    'os',
    'timers/promises',
    'zlib',
  ].map(name => `NativeModule ${name}`)
  const listed = await recordedBy('listing.mjs', ['--help'])
  expect(listed).toContain('NativeModule path')
  expect(later.filter(name => listed.includes(name))).toEqual([])
})
