import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findProgram } from '../../../dev/install.ts'
import { buildProgram, type Program, projectWith, runTask, startLineInTerminal } from './program.ts'

const run = promisify(execFile)

const taskfile = `
import { arg, definer } from 'switchyard-deploy'
const { task } = definer()
console.log('noise')
console.error('noise')
setTimeout(() => { throw new Error('late') })
const run = () => undefined
const slot = arg.choice(['blue', 'green'], 'Which slot')
export const promote = task('Send the traffic: all of it', { args: { slot, report: arg.text('A page').optional() }, run })
export const migrate = task('Migrate', { args: { slot: slot.optional() }, run })
export const odd = task('Odd', { args: { odd: arg.choice(["it's", 'a b', 'c:d', 'back\\\\slash', '$(touch pwned)'], 'Odd') }, run })
`
/** Shell functions in place of the commands: each prints the arguments that it was called with. */
const printArgs = `task() { printf 'task:'; printf ' <%s>' "$@"; echo; }; npx() { printf 'npx:'; printf ' <%s>' "$@"; echo; }`

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
beforeAll(async () => {
  program = await buildProgram()
  project = await projectWith({
    'Taskfile.ts': taskfile,
    'deep/er/notes.txt': '',
    'other/node_modules/.bin/.keep': '',
    'other/Taskfile.ts': taskfile,
    'broken/Taskfile.ts': 'export const = 1',
    'waiting/Taskfile.ts': 'await new Promise(() => undefined)',
    'reserved/Taskfile.ts': taskfile.replace('const migrate', 'const completion'),
  })
  await mkdir(join(project.folder, 'node_modules/.bin'), { recursive: true })
  await symlink(program.bin, join(project.folder, 'node_modules/.bin/task'))
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await runTask(program, project, ['completion', shell], { cwd: 'deep' })
    expect([code, stderr]).toEqual([0, ''])
    await project.write(`completion.${shell}`, stdout)
  }
})
afterAll(async () => {
  await program[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
})

const file = (name: string) => join(project.folder, name)

describe('the completion command', () => {
  it.each(['bash', 'zsh', 'fish'])(
    'prints a script for %s with install instructions, even without a Taskfile',
    async shell => {
      await using empty = await projectWith({})
      const { code, stdout, stderr } = await runTask(program, empty, ['completion', shell])
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout.split('\n').slice(0, 4).join('\n')).toContain(`npx task completion ${shell} `)
    },
  )

  it('has help and reports invalid arguments', async () => {
    expect((await runTask(program, project, ['completion', '--help'])).stdout).toContain(
      'npx task completion <shell>\n',
    )
    expect(await runTask(program, project, ['completion'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('[ARGUMENT_MISSING]'),
    })
    expect(await runTask(program, project, ['completion', 'bsah'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean `bash`?'),
    })
    expect((await runTask(program, project, ['completoin'])).stderr).toContain('Did you mean `npx task completion`?')
  })

  it('works even when a task has its name, but that Taskfile is rejected', async () => {
    const refused = await runTask(program, project, ['promote', 'green'], { cwd: 'reserved' })
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('[TASK_RESERVED]')])
    expect((await runTask(program, project, ['completion', 'bash'], { cwd: 'reserved' })).code).toBe(0)
  })
})

describe('the answer to Tab', () => {
  const answer = (words: string[], cwd = '') => runTask(program, project, ['completion', '--', ...words], { cwd })

  it('contains only completions, whatever the Taskfile prints', async () => {
    expect(await answer(['promote', '--slot', ''])).toEqual({
      code: 0,
      signal: null,
      stdout: 'blue\tWhich slot\ngreen\tWhich slot\n',
      stderr: '',
    })
  })

  it('includes the completion command itself', async () => {
    expect((await answer([''])).stdout).toMatch(/^promote\tSend the traffic: all of it\n.*^completion\t/ms)
    expect((await answer(['completion', ''])).stdout).toBe('bash\tWhich shell\nzsh\tWhich shell\nfish\tWhich shell\n')
  })

  it('has the codes of errors for `explain`, even where no Taskfile loads', async () => {
    const { stdout } = await answer(['explain', ''], 'broken')
    expect(stdout).toMatch(/^LOCK_TAKEN\t/m)
    expect(stdout).not.toMatch(/^promote\t/m)
  })

  it('comes from the Taskfile given by --taskfile', async () => {
    const { stdout } = await answer(['--taskfile', '../../Taskfile.ts', 'migrate', '--slot='], 'deep/er')
    expect(stdout).toBe('--slot=blue\tWhich slot\n--slot=green\tWhich slot\n')
  })

  it.each([
    ['a Taskfile is broken', 'broken', ['']],
    ['a Taskfile has a task of a reserved name', 'reserved', ['']],
    ['a Taskfile waits for ever', 'waiting', ['']],
    ['there is no Taskfile', '', ['--taskfile', 'nowhere', '']],
    ['the path of a Taskfile is being typed', '', ['--taskfile', '']],
  ])('is empty without an error when %s', async (_, cwd, words) => {
    expect(await answer(words, cwd)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  })
})

describe('in bash', () => {
  /** Calls the completion function as bash does; `now` is the word being completed. */
  async function reply(words: string[], more: { cwd?: string; now?: string; before?: string; path?: string } = {}) {
    const script = `
      ${more.before ?? ''}
      . "$1"
      now=$2; shift 2
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=\${#COMP_LINE}
      registered=$(complete -p "$1"); registered=\${registered#* -F }
      "\${registered%% *}" "$1" "$now" "\${@: -2:1}"
      for reply in "\${COMPREPLY[@]}"; do printf '%s\\n' "$reply"; done`
    const now = more.now ?? words.at(-1) ?? ''
    const { stdout, stderr } = await run(
      'bash',
      ['--noprofile', '--norc', '-c', script, 'bash', file('completion.bash'), now, ...words],
      {
        cwd: file(more.cwd ?? ''),
        env: { ...project.env, PATH: more.path ?? project.env.PATH },
      },
    )
    expect(stderr).toBe('')
    return stdout.split('\n').slice(0, -1)
  }

  it('the completion script is valid', async () => {
    expect(await run('bash', ['-n', file('completion.bash')])).toEqual({ stdout: '', stderr: '' })
  })

  it('task and npx task are completed, even from a subfolder', async () => {
    expect(await reply(['task', ''])).toEqual(['promote', 'migrate', 'odd', 'completion', 'explain'])
    expect(await reply(['npx', 'task', 'pro'], { cwd: 'deep/er' })).toEqual(['promote'])
    expect(await reply(['npx', 'task', 'promote', ''])).toEqual(['blue', 'green'])
    expect(await reply(['task', 'migrate', '--sl'])).toEqual(['--slot'])
  })

  it('a value after an equals sign is completed, although bash treats the sign as a word', async () => {
    expect(await reply(['task', 'migrate', '--slot', '=', 'gr'])).toEqual(['green'])
    expect(await reply(['npx', 'task', 'migrate', '--slot', '='], { now: '' })).toEqual(['blue', 'green'])
    expect(await reply(['task', 'odd', 'c', ':', 'd'])).toEqual(['d'])
  })

  it('special characters of the shell are quoted', async () => {
    expect(await reply(['task', 'odd', ''])).toEqual([
      "it\\'s",
      'a\\ b',
      'c:d',
      'back\\\\slash',
      '\\$\\(touch\\ pwned\\)',
    ])
  })

  it('npx alone keeps its own completion or none, even when the script is sourced twice', async () => {
    const before = 'mine() { COMPREPLY=("mine: $*"); }; complete -o nospace -F mine npx'
    expect(await reply(['npx', 'oth'], { before })).toEqual(['mine: npx oth npx'])
    expect(await reply(['npx', 'oth'], { before: `${before}; . "$1"` })).toEqual(['mine: npx oth npx'])
    expect(await reply(['npx', 'task', 'pro'], { before })).toEqual(['promote'])
    expect(await reply(['npx', 'ta'])).toEqual([])
  })

  it('another program named task is never run and keeps its completion', async () => {
    await using elsewhere = await projectWith({ 'bin/task': '#!/bin/sh\ntouch "$HOME/ran"\n' })
    await run('chmod', ['+x', join(elsewhere.folder, 'bin/task')])
    const before = 'theirs() { COMPREPLY=(theirs); }; complete -F theirs task; cd /'
    const path = `${join(elsewhere.folder, 'bin')}:${project.env.PATH}`
    expect(await reply(['task', ''], { before, path })).toEqual(['theirs'])
    await expect(readFile(file('ran'))).rejects.toThrow('ENOENT')
  })

  it('Tab completes words as they are typed', async () => {
    await writeFile(file('bashrc'), `PS1='ready> '\n. ${file('completion.bash')}\n${printArgs}\n`)
    const shell = startLineInTerminal('bash --noprofile --rcfile bashrc -i', project)
    await typed(shell)
    expect(await shell.ended).toMatchObject({ code: 0 })
  })
})

/** Typed lines with Tabs, and the resulting command. The last is a path, which the shell completes. */
const LINES = [
  ['npx task mig\t--slot=g\t', 'npx: <task> <migrate> <--slot=green>'],
  ['task promote gr\t--report Taskf\t', 'task: <promote> <green> <--report> <Taskfile.ts>'],
  ['task odd it\t', "task: <odd> <it's>"],
  ['task odd a\t', 'task: <odd> <a b>'],
  ['npx Taskf\t', 'npx: <Taskfile.ts>'],
] as const

async function typed({ child, printed }: ReturnType<typeof startLineInTerminal>) {
  await printed('ready> ')
  for (const [line, result] of LINES) {
    child.stdin?.write(`${line}\r`)
    await printed(result)
  }
  child.stdin?.write('exit\r')
}

const zsh = await findProgram('zsh')
describe.skipIf('missing' in zsh)(`in zsh${'missing' in zsh ? ` (skipped: ${zsh.missing})` : ''}`, () => {
  it('Tab completes words as they are typed', async () => {
    await project.write(
      '.zshrc',
      `PS1='ready> '\nautoload -Uz compinit && compinit -u -D\n. ~/completion.zsh\n${printArgs}\n`,
    )
    const shell = startLineInTerminal('zsh -d -i', project)
    await typed(shell)
    expect(await shell.ended).toMatchObject({ code: 0 })
  })

  it('Tab shows descriptions, even when compinit was not called before', async () => {
    await project.write('bare/.zshrc', `PS1='ready> '\n. ~/completion.zsh\n`)
    const shell = startLineInTerminal('zsh -d -i', project, { ZDOTDIR: file('bare') })
    await shell.printed('ready> ')
    shell.child.stdin?.write('npx task \t')
    await shell.printed('-- Send the traffic: all of it')
    shell.child.stdin?.write('\u0015exit\r')
    expect(stripVTControlCharacters((await shell.ended).stdout)).toMatch(/^migrate +-- Migrate/m)
  })
})

const fish = await findProgram('fish')
describe.skipIf('missing' in fish)(`in fish${'missing' in fish ? ` (skipped: ${fish.missing})` : ''}`, () => {
  async function complete(line: string, cwd = '') {
    const { stdout, stderr } = await run(
      'fish',
      ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file('completion.fish'), line],
      { cwd: file(cwd), env: project.env },
    )
    expect(stderr).toBe('')
    return stdout.split('\n').slice(0, -1)
  }

  it('task and npx task are completed with descriptions', async () => {
    expect(await complete('npx task pro', 'deep/er')).toEqual(['promote\tSend the traffic: all of it'])
    expect(await complete('task promote ')).toEqual(['blue\tWhich slot', 'green\tWhich slot'])
    expect(await complete('npx task migrate --slot ')).toEqual(['blue\tWhich slot', 'green\tWhich slot'])
    expect(await complete('task migrate --slot=g')).toEqual(['--slot=green\tWhich slot'])
    expect(await complete('task odd a')).toEqual(['a b\tOdd'])
  })

  it('file names are completed for free text and after npx alone', async () => {
    expect(await complete('task promote green --report Taskf')).toEqual(['Taskfile.ts'])
    expect(await complete('npx Taskf')).toEqual(['Taskfile.ts'])
  })
})
