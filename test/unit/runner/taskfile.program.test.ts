import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cacheFolders } from '../../../runner/cache-folders.ts'
import { findEntry, store } from '../../../runner/taskfile/cache.ts'
import { compile } from '../../../runner/taskfile/compile.ts'
import { findTaskfile, loadTaskfile } from '../../../runner/taskfile/load.ts'
import { buildProgram, type Program, type Project, projectWith, runTask } from './program.ts'

const hello = `
import { definer } from 'switchyard-deploy'
const { task } = definer()
export const hello = task('Say hello', { run: ({ log }) => log('hello') })
`

let program: Program
beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => program[Symbol.asyncDispose]())

describe('a Taskfile', () => {
  it('is found in the working folder or the nearest one above it', async () => {
    await using project = await projectWith({ 'Taskfile.ts': '', 'a/b/c.txt': '', 'a/Taskfile.mjs': '' })
    expect(findTaskfile(join(project.folder, 'a/b'), undefined)).toBe(join(project.folder, 'a/Taskfile.mjs'))
    expect(findTaskfile(project.folder, undefined)).toBe(join(project.folder, 'Taskfile.ts'))
  })

  it.each(['Taskfile.ts', 'Taskfile.mts', 'Taskfile.js', 'Taskfile.mjs'])('may be named %s', async name => {
    await using project = await projectWith({ [name]: hello })
    expect(await runTask(program, project, ['hello', '--verbose'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('  | hello\n'),
    })
  })

  it('may be given by file or by folder', async () => {
    await using project = await projectWith({ 'ops/Taskfile.ts': hello, 'other.ts': hello })
    expect(findTaskfile(project.folder, 'ops')).toBe(join(project.folder, 'ops/Taskfile.ts'))
    expect(findTaskfile(project.folder, 'other.ts')).toBe(join(project.folder, 'other.ts'))
    expect(() => findTaskfile(project.folder, 'none.ts')).toThrow(
      expect.objectContaining({ code: 'TASKFILE_MISSING', message: 'There is no Taskfile at none.ts.' }),
    )
  })

  it('is reported as missing with exit code 2', async () => {
    await using project = await projectWith({})
    const ended = await runTask(program, project, [])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(`No Taskfile.ts was found in ${project.folder} or above it. [TASKFILE_MISSING]`)
  })

  it.each([[['--help']], [['-h']], [['help']]])(
    'is not needed for %j, which shows the commands that need none',
    async args => {
      await using project = await projectWith({})
      const { code, stdout, stderr } = await runTask(program, project, args)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^ {2}init +Set up this folder for deploys\n {2}explain +Explain an error$/m)
      expect(stdout).toContain('npx switchyard-deploy init writes one')
      const json = await runTask(program, project, [...args, '--json'])
      expect(JSON.parse(json.stdout.split('\n')[0] ?? '').data).toMatchObject([{ name: 'init' }, { name: 'explain' }])
    },
  )

  it('is needed for the help of a command, and for that of a Taskfile that was named', async () => {
    await using project = await projectWith({})
    for (const args of [
      ['deploy', '--help'],
      ['help', 'deploy'],
      ['--help', '--taskfile', 'none.ts'],
    ])
      expect(await runTask(program, project, args)).toMatchObject({ code: 2, stdout: '' })
  })

  it('keeps the meaning of import.meta, even in imported files', async () => {
    await using project = await projectWith({
      'Taskfile.ts': `${hello}
        import { where } from './lib/where.ts'
        import { definer as again } from 'switchyard-deploy'
        export const show = task('Where', { run: ({ show }) => show(JSON.stringify([import.meta.url, import.meta.dirname, where, again === definer])) })`,
      'lib/where.ts': 'export const where: string = import.meta.filename',
    })
    const { stdout } = await runTask(program, project, ['show'])
    const { folder } = project
    const seen = JSON.parse(stdout.split('\n').at(-2) ?? '')
    expect(seen).toEqual([`file://${folder}/Taskfile.ts`, folder, `${folder}/lib/where.ts`, true])
  })

  it('may import packages of its project: ESM, CommonJS or linked TypeScript', async () => {
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

  it('is rejected when it exports no task', async () => {
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

  it('is reported with file, line and code frame of a syntax error', async () => {
    const stderr = await failing({
      'Taskfile.ts': 'import "./lib.ts"\n',
      'lib.ts': 'const a = 1\nconst b = = 2\nconst c = 3\n',
    })
    expect(stderr).toContain('lib.ts:2:11  Unexpected "="')
    expect(stderr).toContain('    > 2 | const b = = 2\n        |           ^\n      3 | const c = 3')
    expect(stderr).toContain('next: Correct line 2 of lib.ts.')
  })

  it('is reported with the import that cannot be resolved', async () => {
    const stderr = await failing({ 'Taskfile.ts': `${hello}import { a } from 'no-such-package'\na()\n` })
    expect(stderr).toContain('Taskfile.ts:5:19  Could not resolve "no-such-package"')
    expect(stderr).toContain("> 5 | import { a } from 'no-such-package'")
    expect(stderr).toContain(
      'next: Install the package no-such-package in the folder of the Taskfile, or correct line 5',
    )
    // The name of the product is that of another package.
    const product = ['switch', 'yard'].join('')
    const meant = await failing({ 'Taskfile.ts': `${hello}import { ssh } from '${product}'\nssh('a')\n` })
    expect(meant).toContain('next: Did you mean `switchyard-deploy`?')
  })

  it('is reported with the place of an exception thrown while it loads', async () => {
    const files = {
      'Taskfile.ts': `${hello}import { make } from './lib.ts'\ntype Unused = { a: 1 }\nmake()\n`,
      'lib.ts':
        'interface Gone { a: string }\n\nexport function make(): never {\n  throw new TypeError("no luck")\n}\n',
    }
    const stderr = await failing(files)
    expect(stderr).toContain('lib.ts:4:9  TypeError: no luck [TASKFILE_FAILED]')
    expect(stderr).toContain('> 4 |   throw new TypeError("no luck")')
  })

  it('says which name of ours is not imported, or is misspelt', async () => {
    const unimported = await failing({ 'Taskfile.ts': `${hello}export const { deploy } = arg({})\n` })
    expect(unimported).toContain('ReferenceError: arg is not defined')
    expect(unimported).toContain("next: Import it: `import { arg } from 'switchyard-deploy'`.")
    const misspelt = await failing({ 'Taskfile.ts': `${hello}export const { deploy } = defner({})\n` })
    expect(misspelt).toContain('next: Did you mean `definer`?')
    const foreign = await failing({ 'Taskfile.ts': `${hello}somethingElse({})\n` })
    expect(foreign).toContain('next: Correct this first: Taskfile.ts failed while it was loaded')
  })

  it('shows in each stack trace the lines of the sources', async () => {
    const lines = "interface Gone { a: string }\n\nconsole.error(new Error('seen').stack)\nthrow new Error('no luck')\n"
    const stderr = await failing({ 'Taskfile.ts': `${hello}import './lib.ts'\n`, 'lib.ts': lines })
    expect(stderr).toMatch(/^Error: seen\n {4}at \S*\/lib\.ts:3:15\n/m)
    expect(stderr).toContain('lib.ts:4:7  Error: no luck [TASKFILE_FAILED]')
  })

  it.each([
    ["void Promise.reject(new Error('nobody waits for me'))", 'Taskfile.ts:2:21  Error: nobody waits for me'],
    ['await new Promise(() => {})', 'Taskfile.ts  it is waiting for a promise that can never settle'],
  ])('is reported when it rejects unhandled or never settles: %s', async (line, message) => {
    await using project = await projectWith({
      'Taskfile.ts': `import { definer } from 'switchyard-deploy'\n${line}\nexport const a = definer().task('A', { run: () => {} })\n`,
    })
    for (const args of [[], ['a']]) {
      const { code, stdout, stderr } = await runTask(program, project, args)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain(`error: ${message} [TASKFILE_FAILED]`)
    }
  })

  it('is reported with the line of an import that a package does not export', async () => {
    const ours = await failing({
      'Taskfile.ts': `${hello}\n\nimport { nothing } from 'switchyard-deploy'\nnothing()\n`,
    })
    expect(ours).toContain('Taskfile.ts:7:10  No matching export in "switchyard-deploy" for import "nothing"')
    expect(ours).toContain("> 7 | import { nothing } from 'switchyard-deploy'\n        |          ^^^^^^^\n")
    const other = await failing({
      'Taskfile.ts': `${hello}\n\nimport { nothing } from 'other'\nnothing()\n`,
      'node_modules/other/package.json': '{ "name": "other", "type": "module", "exports": "./index.js" }',
      'node_modules/other/index.js': 'export const something = 1\n',
    })
    expect(other).toMatch(/Taskfile\.ts:7:10 {2}SyntaxError: .*'nothing'/)
    expect(other).toContain("> 7 | import { nothing } from 'other'\n        |          ^\n")
  })

  it('is reported when tasks need each other through circular imports', async () => {
    const stderr = await failing(
      {
        'Taskfile.ts': `import { definer } from 'switchyard-deploy'\nimport { b } from './b.ts'\nexport const a = definer().task('A', { run() {} })\nexport { b }`,
        'b.ts': `import { definer } from 'switchyard-deploy'\nimport { a } from './Taskfile.ts'\nexport const b = definer().task('B', { needs: [a], run() {} })`,
      },
      ['b'],
    )
    expect(stderr).toContain('Need number 1 of `B` is not a task. [NEED_UNDEFINED]')
  })
})

describe('the Taskfile cache', () => {
  const cacheEntries = (project: Project) => readdir(join(project.folder, 'cache/switchyard'))

  it('is in node_modules of the project, or else in the cache folder of the user', async () => {
    await using project = await projectWith({ 'node_modules/x/y': '', 'sub/z': '' })
    const { folder } = project
    const own = join(folder, 'node_modules/.cache/switchyard')
    expect(cacheFolders(join(folder, 'sub'), { XDG_CACHE_HOME: '/c' })).toEqual([own, '/c/switchyard'])
    expect(cacheFolders('/', { XDG_CACHE_HOME: '/c' })).toContain('/c/switchyard')
  })

  it('is used only while no input has changed', async () => {
    await using project = await projectWith({
      'Taskfile.ts': `${hello}\nimport { word } from './word.ts'\nexport const say = task('Say', { run: ({ show }) => show(word) })`,
      'word.ts': "export const word = 'first'",
    })
    const say = async () => (await runTask(program, project, ['say'])).stdout.split('\n').at(-2)
    expect(await say()).toBe('first')
    const before = await cacheEntries(project)
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

  it('is used only while the entry is complete', async () => {
    await using project = await projectWith({ 'a.ts': '1', 'b.ts': '2' })
    const [a = '', b = ''] = ['a.ts', 'b.ts'].map(name => join(project.folder, name))
    const folders = [join(project.folder, 'c')]
    const kept = await store(folders, 'key', { code: 'export {}', inputs: [a, b] })
    expect(findEntry(folders, 'key')).toEqual(kept)
    expect(findEntry(folders, 'other')).toBeUndefined()
    await project.write('b.ts', '3')
    expect(findEntry(folders, 'key')).toBeUndefined()
    await project.write('b.ts', '2')
    await writeFile(kept.module, '')
    expect(findEntry(folders, 'key')).toBeDefined()
    await writeFile(kept.module.replace(/\.\w+\.mjs$/, '.json'), '{"half')
    expect(findEntry(folders, 'key')).toBeUndefined()
  })

  it('is not used for another Taskfile whose entry has the same name', async () => {
    await using project = await projectWith({ 'a.ts': '1' })
    const folders = [join(project.folder, 'c')]
    const made = (code: string) => ({ code, inputs: [join(project.folder, 'a.ts')] })
    // 31 times the first character, and the second.
    const [one, other] = ['Aa', 'BB']
    const kept = await store(folders, one, made('one'))
    expect(findEntry(folders, other)).toBeUndefined()
    expect(findEntry(folders, one)).toEqual(kept)
    const replaced = await store(folders, other, made('other'))
    expect(findEntry(folders, one)).toBeUndefined()
    expect(findEntry(folders, other)).toEqual(replaced)
  })

  it('falls back to the next folder when one is not writable, and to a temporary one at last', async () => {
    await using project = await projectWith({ 'a.ts': '1', file: 'not a folder' })
    const input = join(project.folder, 'a.ts')
    const blocked = join(project.folder, 'file/cache')
    const second = join(project.folder, 'second')
    const made = { code: 'export {}', inputs: [input] }
    expect((await store([blocked, second], 'k', made)).module.startsWith(second)).toBe(true)
    const temporary = await store([blocked], 'k', made)
    expect(await readFile(temporary.module, 'utf8')).toBe('export {}')
    expect(findEntry([blocked, second], 'k')?.module.startsWith(second)).toBe(true)
  })

  it('removes old entries of earlier versions of the Taskfile', async () => {
    await using project = await projectWith({ 'a.ts': '1' })
    const folder = join(project.folder, 'c')
    const inputs = [join(project.folder, 'a.ts')]
    const old = await store([folder], 'k', { code: 'old', inputs })
    await utimes(old.module, 0, 0)
    const young = await store([folder], 'k', { code: 'young', inputs })
    await store([folder], 'k', { code: 'new', inputs })
    const names = await readdir(folder)
    expect(names).toHaveLength(3)
    expect(names.map(name => join(folder, name))).toContain(young.module)
    await expect(stat(old.module)).rejects.toThrow('ENOENT')
  })

  it('is never read half written by concurrent runs', async () => {
    await using project = await projectWith({ 'Taskfile.ts': hello })
    await mkdir(join(project.folder, 'node_modules'))
    const runs = await Promise.all(Array.from({ length: 6 }, () => runTask(program, project, ['hello', '--verbose'])))
    for (const ended of runs)
      expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('| hello') })
    expect(await readdir(join(project.folder, 'node_modules/.cache/switchyard'))).toHaveLength(2)
  })

  it('records every input file of the module', async () => {
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

  it('also works for a Taskfile that is loaded in the same process', async () => {
    await using project = await projectWith({
      'Taskfile.mjs': "export const it = { kind: 'task', needs: [], title: 'It' }",
    })
    const loaded = await loadTaskfile(join(project.folder, 'Taskfile.mjs'), project.env)
    expect([...loaded.commands.keys()]).toEqual(['it'])
    expect(loaded).toMatchObject({ folder: project.folder, files: [join(project.folder, 'Taskfile.mjs')] })
  })
})
