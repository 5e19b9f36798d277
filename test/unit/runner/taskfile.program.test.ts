import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { cacheFolders, keep, lookUp } from '../../../runner/taskfile/cache.ts'
import { compile } from '../../../runner/taskfile/compile.ts'
import { findTaskfile, loadTaskfile } from '../../../runner/taskfile/load.ts'
import { buildProgram, type Program, type Project, projectWith, runTask } from './program.ts'

// Programs are started here, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const hello = `
import { definer } from 'switchyard'
const { task } = definer()
export const hello = task('Say hello', { run: ({ log }) => log('hello') })
`

let program: Program
beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => program[Symbol.asyncDispose]())

describe('a Taskfile', () => {
  it('is found upwards from the working folder, the nearest first', async () => {
    await using project = await projectWith({ 'Taskfile.ts': '', 'a/b/c.txt': '', 'a/Taskfile.mjs': '' })
    expect(findTaskfile(join(project.folder, 'a/b'), undefined)).toBe(join(project.folder, 'a/Taskfile.mjs'))
    expect(findTaskfile(project.folder, undefined)).toBe(join(project.folder, 'Taskfile.ts'))
  })

  it.each(['Taskfile.ts', 'Taskfile.mts', 'Taskfile.js', 'Taskfile.mjs'])('may be %s', async name => {
    await using project = await projectWith({ [name]: hello })
    expect(await runTask(program, project, ['hello', '--verbose'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('  | hello\n'),
    })
  })

  it('may be named, as a file or by its folder', async () => {
    await using project = await projectWith({ 'ops/Taskfile.ts': hello, 'other.ts': hello })
    expect(findTaskfile(project.folder, 'ops')).toBe(join(project.folder, 'ops/Taskfile.ts'))
    expect(findTaskfile(project.folder, 'other.ts')).toBe(join(project.folder, 'other.ts'))
    expect(() => findTaskfile(project.folder, 'none.ts')).toThrow(
      expect.objectContaining({ code: 'TASKFILE_MISSING', message: 'There is no Taskfile at none.ts.' }),
    )
  })

  it('that is nowhere is said so, with exit code 2', async () => {
    await using project = await projectWith({})
    const ended = await runTask(program, project, [])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(`No Taskfile.ts was found in ${project.folder} or above it. [TASKFILE_MISSING]`)
  })

  it('keeps the meaning of import.meta, also in the files that it imports', async () => {
    await using project = await projectWith({
      'Taskfile.ts': `${hello}
        import { where } from './lib/where.ts'
        import { definer as again } from 'switchyard'
        export const show = task('Where', { run: ({ show }) => show(JSON.stringify([import.meta.url, import.meta.dirname, where, again === definer])) })`,
      'lib/where.ts': 'export const where: string = import.meta.filename',
    })
    const { stdout } = await runTask(program, project, ['show'])
    const { folder } = project
    const seen = JSON.parse(stdout.split('\n').at(-2) ?? '')
    expect(seen).toEqual([`file://${folder}/Taskfile.ts`, folder, `${folder}/lib/where.ts`, true])
  })

  it('may use packages of its own project, in what form ever', async () => {
    await using project = await projectWith({
      'Taskfile.ts': `${hello}
        import esm, { name } from 'esm-only'
        import cjs from 'cjs-only'
        import { readFileSync } from 'node:fs'
        import { inner } from 'linked'
        export const show = task('Show', { run: ({ show }) => show([esm, name, cjs.value, typeof readFileSync, inner].join()) })`,
      'node_modules/esm-only/package.json': '{ "type": "module", "exports": { "import": "./main.js" } }',
      'node_modules/esm-only/main.js': 'export default "esm"; export const name = "named"',
      'node_modules/cjs-only/package.json': '{ "main": "./main.js", "module": "./not-for-node.js" }',
      'node_modules/cjs-only/main.js': 'module.exports = { value: "cjs" }',
      'packages/linked/package.json': '{ "type": "module", "exports": "./index.ts" }',
      'packages/linked/index.ts': 'export const inner: string = "linked"',
    })
    await (await import('node:fs/promises')).symlink('../packages/linked', join(project.folder, 'node_modules/linked'))
    const ended = await runTask(program, project, ['show'])
    expect(ended.stdout).toContain('\nesm,named,cjs,function,linked\n')
    expect(await readdir(join(project.folder, 'node_modules/.cache/switchyard'))).toHaveLength(2)
  })

  it('without a task says so', async () => {
    await using project = await projectWith({ 'Taskfile.ts': 'export const version = 1' })
    expect(await runTask(program, project, [])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Taskfile.ts exports no task. [TASKFILE_EMPTY]'),
    })
  })
})

describe('a broken Taskfile', () => {
  const failing = async (files: Readonly<Record<string, string>>, args = ['hello']) => {
    await using project = await projectWith(files)
    const ended = await runTask(program, project, args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    return ended.stderr
  }

  it('shows file, line and a code frame of what cannot be read', async () => {
    const said = await failing({
      'Taskfile.ts': 'import "./lib.ts"\n',
      'lib.ts': 'const a = 1\nconst b = = 2\nconst c = 3\n',
    })
    expect(said).toContain('lib.ts:2:11  Unexpected "="')
    expect(said).toContain('    > 2 | const b = = 2\n        |           ^\n      3 | const c = 3')
    expect(said).toContain('next: Correct line 2 of lib.ts.')
  })

  it('shows which import is not there', async () => {
    const said = await failing({ 'Taskfile.ts': `${hello}import { a } from 'no-such-package'\na()\n` })
    expect(said).toContain('Taskfile.ts:5:19  Could not resolve "no-such-package"')
    expect(said).toContain("> 5 | import { a } from 'no-such-package'")
  })

  it('shows the place of an exception that is thrown while it is read', async () => {
    const files = {
      'Taskfile.ts': `${hello}import { make } from './lib.ts'\ntype Unused = { a: 1 }\nmake()\n`,
      'lib.ts':
        'interface Gone { a: string }\n\nexport function make(): never {\n  throw new TypeError("no luck")\n}\n',
    }
    const said = await failing(files)
    expect(said).toContain('lib.ts:4:9  TypeError: no luck [TASKFILE_FAILED]')
    expect(said).toContain('> 4 |   throw new TypeError("no luck")')
  })

  it.each([
    ["void Promise.reject(new Error('nobody waits for me'))", 'Taskfile.ts:2:21  Error: nobody waits for me'],
    ['await new Promise(() => {})', 'Taskfile.ts  it waits for what never comes'],
  ])('says what it does not wait for, and what never comes: %s', async (line, said) => {
    await using project = await projectWith({
      'Taskfile.ts': `import { definer } from 'switchyard'\n${line}\nexport const a = definer().task('A', { run: () => {} })\n`,
    })
    for (const words of [[], ['a']]) {
      const { code, stdout, stderr } = await runTask(program, project, words)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain(`error: ${said} [TASKFILE_FAILED]`)
    }
  })

  it('shows the line of a name that a package does not export', async () => {
    const said = await failing({ 'Taskfile.ts': `${hello}\n\nimport { nothing } from 'switchyard'\nnothing()\n` })
    expect(said).toMatch(/Taskfile\.ts:7:10 {2}SyntaxError: .*'nothing'/)
    expect(said).toContain("> 7 | import { nothing } from 'switchyard'\n        |          ^\n")
  })

  it('shows tasks that need each other in a circle of imports', async () => {
    const said = await failing(
      {
        'Taskfile.ts': `import { definer } from 'switchyard'\nimport { b } from './b.ts'\nexport const a = definer().task('A', { run() {} })\nexport { b }`,
        'b.ts': `import { definer } from 'switchyard'\nimport { a } from './Taskfile.ts'\nexport const b = definer().task('B', { needs: [a], run() {} })`,
      },
      ['b'],
    )
    expect(said).toContain('Need number 1 of `B` is not a task. [NEED_UNDEFINED]')
  })
})

describe('the cache', () => {
  const cached = (project: Project) => readdir(join(project.folder, 'cache/switchyard'))

  it('stands beside the packages of the project, else with the caches of the user', async () => {
    await using project = await projectWith({ 'node_modules/x/y': '', 'sub/z': '' })
    const { folder } = project
    const own = join(folder, 'node_modules/.cache/switchyard')
    expect(cacheFolders(join(folder, 'sub'), { XDG_CACHE_HOME: '/c' })).toEqual([own, '/c/switchyard'])
    expect(cacheFolders('/', { XDG_CACHE_HOME: '/c' })).toContain('/c/switchyard')
  })

  it('is used while no input has changed, and only then', async () => {
    await using project = await projectWith({
      'Taskfile.ts': `${hello}\nimport { word } from './word.ts'\nexport const say = task('Say', { run: ({ show }) => show(word) })`,
      'word.ts': "export const word = 'first'",
    })
    const say = async () => (await runTask(program, project, ['say'])).stdout.split('\n').at(-2)
    expect(await say()).toBe('first')
    const before = await cached(project)
    const [module = ''] = before.filter(name => name.endsWith('.mjs'))
    const place = join(project.folder, 'cache/switchyard', module)
    await writeFile(place, (await readFile(place, 'utf8')).replace('first', 'from the cache'))
    expect(await say()).toBe('from the cache')
    await project.write('word.ts', "export const word = 'second'")
    expect(await say()).toBe('second')
    await project.write('word.ts', "export const word = 'first'")
    await utimes(join(project.folder, 'word.ts'), 0, 0)
    expect(await say()).toBe('first')
  })

  it('is used again only while all of it is there', async () => {
    await using project = await projectWith({ 'a.ts': '1', 'b.ts': '2' })
    const [a = '', b = ''] = ['a.ts', 'b.ts'].map(name => join(project.folder, name))
    const folders = [join(project.folder, 'c')]
    const kept = await keep(folders, 'key', { code: 'export {}', inputs: [a, b] })
    expect(lookUp(folders, 'key')).toEqual(kept)
    expect(lookUp(folders, 'other')).toBeUndefined()
    await project.write('b.ts', '3')
    expect(lookUp(folders, 'key')).toBeUndefined()
    await project.write('b.ts', '2')
    await writeFile(kept.module, '')
    expect(lookUp(folders, 'key')).toBeDefined()
    await writeFile(join(folders[0] ?? '', 'key.json'), '{"half')
    expect(lookUp(folders, 'key')).toBeUndefined()
  })

  it('takes the next folder where the first cannot be written, and a temporary one where none can', async () => {
    await using project = await projectWith({ 'a.ts': '1', file: 'not a folder' })
    const input = join(project.folder, 'a.ts')
    const blocked = join(project.folder, 'file/cache')
    const second = join(project.folder, 'second')
    const made = { code: 'export {}', inputs: [input] }
    expect((await keep([blocked, second], 'k', made)).module.startsWith(second)).toBe(true)
    const temporary = await keep([blocked], 'k', made)
    expect(await readFile(temporary.module, 'utf8')).toBe('export {}')
    expect(lookUp([blocked, second], 'k')?.module.startsWith(second)).toBe(true)
  })

  it('clears what earlier versions of the Taskfile have left', async () => {
    await using project = await projectWith({ 'a.ts': '1' })
    const folder = join(project.folder, 'c')
    const inputs = [join(project.folder, 'a.ts')]
    const old = await keep([folder], 'k', { code: 'old', inputs })
    await utimes(old.module, 0, 0)
    const young = await keep([folder], 'k', { code: 'young', inputs })
    await keep([folder], 'k', { code: 'new', inputs })
    const names = await readdir(folder)
    expect(names).toHaveLength(3)
    expect(names.map(name => join(folder, name))).toContain(young.module)
    await expect(stat(old.module)).rejects.toThrow('ENOENT')
  })

  it('is never seen half written by runs that start together', async () => {
    await using project = await projectWith({ 'Taskfile.ts': hello })
    await mkdir(join(project.folder, 'node_modules'))
    const runs = await Promise.all(Array.from({ length: 6 }, () => runTask(program, project, ['hello', '--verbose'])))
    for (const ended of runs)
      expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('| hello') })
    expect(await readdir(join(project.folder, 'node_modules/.cache/switchyard'))).toHaveLength(2)
  })

  it('knows every file that the module was made from', async () => {
    await using project = await projectWith({
      'Taskfile.ts': "import './a.ts'\nimport 'pkg'",
      'a.ts': 'import.meta.url',
      'node_modules/pkg/package.json': '{ "main": "m.js" }',
      'node_modules/pkg/m.js': '',
    })
    const { inputs } = await compile(join(project.folder, 'Taskfile.ts'), new URL('file:///index.js'))
    const compiler = createRequire(import.meta.url).resolve('esbuild/package.json')
    const own = (name: string) => join(project.folder, name)
    expect(inputs).toEqual([own('Taskfile.ts'), own('a.ts'), compiler, own('node_modules/pkg/package.json')])
  })

  it('serves what is loaded in this process too', async () => {
    await using project = await projectWith({
      'Taskfile.mjs': "export const it = { kind: 'task', needs: [], title: 'It' }",
    })
    const loaded = await loadTaskfile(join(project.folder, 'Taskfile.mjs'), project.env)
    expect([...loaded.commands.keys()]).toEqual(['it'])
    expect(loaded).toMatchObject({ folder: project.folder, files: [join(project.folder, 'Taskfile.mjs')] })
  })
})
