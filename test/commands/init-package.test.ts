/** `init` as a stranger runs it: from the packed package, in projects of every kind. */

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import { STRANGERS } from '../support/strangers.ts'

const run = promisify(execFile)
const env = { ...process.env, CI: '1', npm_config_loglevel: 'error', npm_config_prefer_offline: 'true' }
const ended = (command: string, args: readonly string[], cwd: string) =>
  run(command, [...args], { cwd, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )

let folder: string
let tarball: string
/** The folders of the projects, by name. Node finds the package in the folder above them. */
const projects = new Map<string, string>()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-init-'))
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const { stdout } = await run('npm', packing, { cwd: HOME, env })
  tarball = join(folder, JSON.parse(stdout)[0].filename)
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  await run('npm', ['install', '--no-audit', '--no-fund', tarball, '@types/node@20'], { cwd: folder, env })
  for (const [i, [name, { app, files }]] of Object.entries(STRANGERS).entries()) {
    const project = join(folder, String(i), app)
    await mkdir(project, { recursive: true })
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(project, path)), { recursive: true })
      await writeFile(join(project, path), text)
    }
    projects.set(name, project)
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it.each(Object.entries(STRANGERS))(
  'a project gets a Taskfile whose commands the program lists: %s',
  async (name, { app, tasks }) => {
    const project = projects.get(name) ?? expect.fail(name)
    const task = join(folder, 'node_modules/.bin/task')
    const made = await ended(task, ['init', '--yes', '--no-install', '--ci', 'github'], project)
    expect([made.code, made.stderr], made.stdout).toEqual([0, ''])
    const { code, stdout, stderr } = await ended(task, ['--help'], project)
    expect([code, stderr]).toEqual([0, ''])
    for (const command of ['bootstrap', 'setup', 'deploy', 'promote', ...tasks])
      expect(stdout).toMatch(new RegExp(`^  ${command} +\\w`, 'm'))
    expect(await readFile(join(project, 'Taskfile.ts'), 'utf8')).toContain(`app: '${app}'`)
  },
)

it('the Taskfiles type-check with the tsconfig.json that was written, and one with an error does not', async () => {
  const tsc = join(HOME, 'node_modules/typescript/bin/tsc')
  const [first = ''] = projects.values()
  const written = JSON.parse(await readFile(join(first, 'tsconfig.json'), 'utf8'))
  const files = [...projects.values()].map(project => join(project, 'Taskfile.ts'))
  const check = async (more: readonly string[]) => {
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ ...written, include: undefined, files: [...files, ...more] }),
    )
    return ended(process.execPath, [tsc, '-p', folder], folder)
  }
  expect(await check([])).toEqual({ code: 0, stdout: '', stderr: '' })
  await writeFile(join(folder, 'control.ts'), (await readFile(files[0] ?? '', 'utf8')).replace('app:', 'apq:'))
  expect((await check([join(folder, 'control.ts')])).stdout).toMatch(/^control\.ts[\s\S]*apq/m)
  // A project with a tsconfig.json of its own, which resolves like Node.js.
  const own = projects.get('Node.js with a build, migrations, pnpm and a tsconfig of its own') ?? ''
  expect(await ended(process.execPath, [tsc, '-p', own], own)).toEqual({ code: 0, stdout: '', stderr: '' })
})

it('npx runs init from the package itself, which installs itself in a folder without a package.json', async () => {
  const project = await mkdtemp(join(tmpdir(), 'switchyard-init-npx-'))
  try {
    await writeFile(join(project, 'go.mod'), 'module example.com/links\n')
    await writeFile(join(project, 'main.go'), 'package main\n')
    const answers = ['--host', 'deploy@web-9', '--site', 'links.example.com', '--ports', '4300,5300']
    const made = await ended('npx', ['--yes', `file:${tarball}`, 'init', ...answers, '--package', tarball], project)
    expect(made.code, made.stdout + made.stderr).toBe(0)
    const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
    const { name } = JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8'))
    expect(Object.keys(manifest.devDependencies).sort()).toEqual(['@types/node', name].sort())
    const { code, stdout } = await ended('npx', ['task', 'config', '--json'], project)
    expect(code, stdout).toBe(0)
    expect(stdout).toContain('links.example.com')
    const again = await ended('npx', ['task', 'init', '--json'], project)
    expect(again.code, again.stdout + again.stderr).toBe(0)
    expect(again.stdout).toContain('installed already')
  } finally {
    await rm(project, { recursive: true, force: true })
  }
})
