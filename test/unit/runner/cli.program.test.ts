import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildProgram, type Ended, type Program, projectWith, runTask, start } from './program.ts'

const taskfile = `
import { arg, definer, Fault } from 'switchyard-deploy'

const scope = {
  name: 'env',
  async open({ hide }) {
    hide(['hunter2-hunter2', 'line one\\nline two'])
    return { context: () => ({ secret: 'hunter2-hunter2' }), async [Symbol.asyncDispose]() {} }
  },
}
const { task, flow } = definer<{ secret: string }>(scope)
const slot = arg.choice(['blue', 'green'], 'Which slot')

export const build = task('Build it', {
  async run({ $, note }) {
    await $\`echo compiling; echo linking >&2\`
    note('1.2.3')
    return { artifact: 'app.tgz' }
  },
  undo: ({ log }) => log('removed the build'),
})
export const upload = task('Upload it', {
  needs: [build],
  async run({ $, artifact }) {
    await $\`echo sent \${artifact}\`
  },
  async undo({ $ }) {
    await $\`echo removed the upload\`
  },
})
export const promote = task('Send the traffic to a slot', {
  description: 'Proves that it moved.',
  examples: ['promote green'],
  args: { slot, drain: arg.duration('How long to drain').optional() },
  run({ show, slot }) {
    show('now ' + slot, { slot })
  },
})
export const status = task('Show the slots', { run: ({ show }) => show('slot  state\\nblue  live', [{ slot: 'blue' }]) })
export const fail = task('Go wrong', {
  needs: [upload],
  async run({ $ }) {
    await $\`echo the reason >&2; exit 4\`
  },
})
export const refuse = task('Refuse', {
  run() {
    throw new Fault('LOCKED', 3, 'Held by anna since 12:00.', 'Wait for her.', { detail: 'deploy 7' })
  },
})
export const wait = task('Wait', {
  needs: [upload],
  async run({ $ }) {
    await $\`echo waiting; sleep 60\`
  },
  undo: ({ log }) => log('stopped waiting'),
})
export const hang = task('Hang', {
  needs: [upload],
  async run({ $ }) {
    await $\`echo waiting; sleep 60\`
  },
  undo: ({ log }) => {
    log('undoing for ever')
    return new Promise(resolve => setTimeout(resolve, 60_000))
  },
})
export const exec = task('Run a command', {
  args: { command: arg.rest('What to run', 'command') },
  interactive: 'if there is one',
  streams: true,
  run({ command, terminal, secret, print }) {
    print(command.join(' '), { data: { words: command } })
    print(terminal + ' ' + secret)
    print('to stderr', { to: 'stderr' })
    return { exitCode: 7 }
  },
})
export const follow = task('Follow', {
  streams: true,
  async run({ print, signal }) {
    for (let i = 1; !signal.aborted; i++) {
      print('line ' + i)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  },
})
export const many = task('Print much', {
  streams: true,
  async run({ print }) {
    for (let i = 1; i < 100; i++) {
      print('line ' + i)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  },
})
export const leak = task('Leak', {
  async run({ $, secret, log, note, show }) {
    console.log('console ' + secret)
    process.stderr.write('stderr ' + secret + '\\n')
    log('log ' + secret)
    note(secret)
    show('show ' + secret, { secret })
    await $\`printf hunter2-; sleep 0.05; printf 'hunter2\\n'; echo line one; echo line two\`
    await $({ quiet: true })\`echo \${secret} >&2; exit 1\`
  },
  undo({ secret }) {
    throw { toString: () => secret, secret }
  },
})
export const float = task('Float', {
  async run({ $ }) {
    void Promise.reject(new Error('nobody waits for me'))
    await $\`sleep 60\`
  },
})
export const never = task('Wait for nothing', { run: () => new Promise(() => {}), undo: ({ log }) => log('taken back') })
export const console_ = task('Enter', { needs: [build], interactive: true, run: () => (process.stdout.write('raw'), { exitCode: 42 }) })
export const noisy = task('Talk', { run: ({ log }) => { for (let i = 1; i <= 30; i++) log('line ' + i); throw new Error('too much') } })
export const daemon = task('Leave something behind', { run: ({ $, note }) => { const left = $\`sleep 60\`; note('pid ' + left.pid) } })
export const deploy = flow('Deploy it', [build, upload, status])
const extra = task('Do more, when told to', {
  args: { more: arg.flag('Do more') },
  when: ({ more }) => more,
  run: ({ log }) => log('more was done'),
})
export const some = task('Do some', { needs: [build, extra], run: () => undefined })
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

/** Runs each command line once and shares its result between the tests. */
const ran = new Map<string, Promise<Ended>>()
function task(...args: string[]): Promise<Ended> {
  const ended = ran.get(args.join(' ')) ?? runTask(program, project, args)
  ran.set(args.join(' '), ended)
  return ended
}
const events = ({ stdout }: Ended) =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

describe('npx task', () => {
  it('lists the tasks with their titles, flows first', async () => {
    const { code, stdout, stderr } = await task()
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^npx task <command>/)
    expect(stdout.split('\n').slice(2, 6)).toEqual([
      '  deploy   Deploy it',
      '  build    Build it',
      '  upload   Upload it',
      '  promote  Send the traffic to a slot',
    ])
  })

  it('prints its version', async () => {
    expect(await task('--version')).toMatchObject({ code: 0, stdout: '0.0.0-test\n' })
  })

  it.each([
    [['dploy'], 'There is no task `dploy`. [UNKNOWN_TASK]', 'Did you mean `npx task deploy`?'],
    [['promote', '--slto', 'green'], '`promote` has no flag --slto.', 'Did you mean --slot?'],
    [['promote'], '`promote` needs <slot>: blue or green.', 'npx task promote <slot>'],
    [['--jsno'], 'There is no flag --jsno.', 'Did you mean --json?'],
  ])('rejects %j with exit code 2', async (args, message, hint) => {
    const { code, stdout, stderr } = await task(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(`error: ${message}`)
    expect(stderr).toContain(hint)
  })
})

describe('the help of a command', () => {
  it('shows its description, steps, arguments and examples', async () => {
    const { code, stdout } = await task('deploy', '--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^npx task deploy\n\nDeploy it\n\nSteps:\n {2}1\. Build it\n {2}2\. Upload it\n {2}3\. Show the slots\n/,
    )
    expect(stdout).toContain('Examples:\n  npx task deploy\n  npx task deploy --dry-run\n')
    const promote = (await task('promote', '-h')).stdout
    expect(promote).toContain('npx task promote <slot> [flags]\n\nSend the traffic to a slot\nProves that it moved.\n')
    expect(promote).toContain('  <slot>, --slot  Which slot (blue or green)\n')
    expect(promote).toContain('--drain <duration>')
    expect(promote).toContain('Examples:\n  npx task promote green\n  npx task promote blue\n')
  })

  it('reports an unknown flag but requires no argument', async () => {
    expect(await task('promote', '--slto', '--help')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Did you mean --slot?'),
    })
    expect(await task('promote', '--slot', '--help')).toMatchObject({ code: 0, stderr: '' })
    expect(await task('completion', '--shel', '--help')).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('plain output', () => {
  it('shows steps, notes and times, then the result, on standard output', async () => {
    const { code, stdout, stderr } = await task('deploy')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.replace(/\d+\.\d s/g, 'N s')).toBe(
      [
        '> Build it',
        'ok: Build it  1.2.3 (N s)',
        '> Upload it',
        'ok: Upload it (N s)',
        '> Show the slots',
        'ok: Show the slots (N s)',
        'Deploy it: done in N s',
        'slot  state',
        'blue  live',
        '',
      ].join('\n'),
    )
  })

  it('includes all lines with --verbose', async () => {
    const { stdout } = await task('build', '--verbose')
    expect(stdout).toContain('  | compiling\n')
    expect(stdout).toContain('  | linking\n')
  })

  it('includes the last twenty lines of a failed step, and has the error on standard error', async () => {
    const { code, stdout, stderr } = await task('noisy')
    expect(code).toBe(1)
    expect(stdout).toContain('  | line 11\n')
    expect(stdout).not.toContain('  | line 10\n')
    expect(stderr).toMatch(/^error: too much \[FAILED\]\n {2}next: Look at Taskfile\.ts:\d+:\d+\.\n$/)
    expect((await task('noisy', '--verbose')).stderr).toMatch(/\n +at .*Taskfile\.ts:\d+:\d+/)
  })

  it('shows the place and the output of a failed command, and the undone steps', async () => {
    const { code, stderr } = await task('fail')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error: `echo the reason >&2; exit 4` failed with exit code 4\. \[COMMAND_FAILED\]\n {4}at Taskfile\.ts:\d+:\d+\n {4}the reason\n/,
    )
    expect(stderr).toContain('undone: Upload it; Build it\n')
  })

  it('shows the message of a fault and exits with its code', async () => {
    expect(await task('refuse')).toMatchObject({
      code: 3,
      stderr: 'error: Held by anna since 12:00. [LOCKED]\n    deploy 7\n  next: Wait for her.\n',
    })
  })

  it('includes a table of times with --timings', async () => {
    const { stdout } = await task('upload', '--timings')
    expect(stdout).toMatch(/\n {2}Build it +\d+\.\d s\n {2}Upload it +\d+\.\d s\n {2}all +\d+\.\d s\n$/)
  })

  it('may be closed early by its reader: the run goes on and reports the lost output', async () => {
    const running = start(program, project, ['upload', '--verbose'])
    running.child.stdout?.destroy()
    const { code, stderr } = await running.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: The command itself succeeded, .*its reader has closed it\. \[OUTPUT_LOST\]/)
  })

  it('contains no terminal codes', async () => {
    const outputs = await Promise.all([task('deploy'), task('fail'), task('--help')])
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('\x1b')
  })
})

describe('--json', () => {
  it('prints one event per line and nothing else', async () => {
    const ended = await task('deploy', '--json', '--timings')
    expect([ended.code, ended.stderr]).toEqual([0, ''])
    const all = events(ended)
    expect(all.map(({ type }) => type)).toEqual(
      'start output output note end start output end start show end result'.split(' '),
    )
    for (const event of all) expect(event.at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect(all.at(-1)).toMatchObject({
      command: 'deploy',
      ok: true,
      exitCode: 0,
      data: [{ slot: 'blue' }],
      timings: [{ step: 'build' }, { step: 'upload' }, { step: 'status' }],
    })
  })

  it('reports failures and undone steps', async () => {
    const ended = await task('fail', '--json')
    expect([ended.code, ended.stderr]).toEqual([1, ''])
    const all = events(ended)
    expect(all.find(({ type }) => type === 'error')).toMatchObject({
      step: 'fail',
      during: 'run',
      code: 'COMMAND_FAILED',
      command: 'echo the reason >&2; exit 4',
      at: expect.stringMatching(/^Taskfile\.ts:\d+:\d+$/),
    })
    expect(all.filter(({ type }) => type === 'undo').map(({ step, state }) => `${step} ${state}`)).toEqual([
      'upload start',
      'upload done',
      'build start',
      'build done',
    ])
    expect(all.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode: 1, undone: ['Upload it', 'Build it'] })
  })

  it('reports invalid arguments', async () => {
    const ended = await task('promote', 'gren', '--json')
    expect([ended.code, ended.stderr]).toEqual([2, ''])
    expect(events(ended)).toMatchObject([
      { type: 'error', code: 'ARGUMENT_INVALID' },
      { type: 'result', ok: false, exitCode: 2 },
    ])
  })

  it('also works for output without a task: list, help, version and completion', async () => {
    const data = expect.arrayContaining([{ name: 'deploy', title: 'Deploy it' }])
    expect(events(await task('--json'))).toMatchObject([
      { type: 'show', text: expect.stringMatching(/^npx task <command>/), data },
      { type: 'result', ok: true, exitCode: 0, data },
    ])
    for (const args of [['deploy', '--help'], ['--version'], ['completion', 'bash']]) {
      const { stdout } = await task(...args)
      expect(events(await task(...args, '--json'))).toMatchObject([
        { type: 'show', text: stdout.trimEnd() },
        { type: 'result', ok: true, exitCode: 0 },
      ])
    }
  })

  it('reports direct console output as output of the step', async () => {
    const all = events(await task('leak', '--json'))
    expect(all.find(({ line }) => line === 'console [hidden]')).toMatchObject({ type: 'output', step: 'leak' })
  })

  it('is rejected for an interactive command', async () => {
    const ended = await task('console', '--json')
    expect(ended.code).toBe(2)
    expect(events(ended)[0]).toMatchObject({ code: 'INTERACTIVE_JSON' })
  })
})

describe('--dry-run', () => {
  it('prints commands exactly as they would run, and runs none', async () => {
    const { code, stdout } = await task('fail', '--dry-run')
    expect(code).toBe(0)
    expect(stdout).toContain('  | would run: echo compiling; echo linking >&2\n')
    expect(stdout).toContain('  | would run: echo sent app.tgz\n')
    expect(stdout).toContain('  | would run: echo the reason >&2; exit 4\n')
    expect(stdout).not.toContain('  | compiling')
    expect(stdout).toContain('Go wrong: done (dry run, nothing was changed)')
  })
})

describe('secrets', () => {
  it.each<string[][]>([[[]], [['--verbose']], [['--json']], [['--dry-run']]])(
    'are redacted in all output with %j',
    async flags => {
      const { stdout, stderr } = await task('leak', ...flags)
      const all = stdout + stderr
      expect(all).toContain('[hidden]')
      // A dry run prints the command, which contains the value in two halves. Without --dry-run not even a half may be printed.
      expect(all).not.toMatch(
        flags.includes('--dry-run') ? /hunter2-hunter2|line one|line two/ : /hunter2|line one|line two/,
      )
    },
  )
})

describe('the secrets of a scope', () => {
  const early = `
import { readFile } from 'node:fs/promises'
import { definer } from 'switchyard-deploy'
console.log('read with early-secret')
const { task } = definer({
  name: 'app',
  secrets: async folder => [(await readFile(folder + '/.env', 'utf8')).trim()],
  async open() {
    return { context: () => ({}), async [Symbol.asyncDispose]() {} }
  },
})
export const other = definer().task('Other', { run: ({ $ }) => $\`cat .env\`.then(() => undefined) })
export const both = task('Both', { needs: [other], run: () => undefined })
`
  it.each<string[][]>([
    [[]],
    [['other', '--help']],
    [['other', '--verbose']],
    [['both', '--verbose']],
    [['both', '--json']],
  ])('are redacted before anything is printed, even outside of the scope: %j', async args => {
    await using own = await projectWith({ 'Taskfile.ts': early, '.env': 'early-secret\n' })
    const { code, stdout, stderr } = await runTask(program, own, args)
    expect(code).toBe(0)
    expect(stdout + stderr).toContain('read with [hidden]')
    expect(stdout + stderr).not.toContain('early-secret')
  })

  it('may be unavailable to a command that does not need them', async () => {
    await using own = await projectWith({ 'Taskfile.ts': early })
    expect(await runTask(program, own, ['other', '--help'])).toMatchObject({ code: 0 })
  })
})

describe('Ctrl-C', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('(%s) undoes newest first and exits with 130', async signal => {
    const running = start(program, project, ['wait', '--verbose'])
    await running.printed('| waiting')
    running.child.kill(signal)
    const { code, stdout, stderr } = await running.ended
    expect(code).toBe(130)
    const undone = stdout.split('\n').filter(line => /undone|removed|stopped/.test(line))
    expect(undone.map(line => line.replace(/ \(.*/, ''))).toEqual([
      '  | stopped waiting',
      'undone: Wait',
      '  | removed the upload',
      'undone: Upload it',
      '  | removed the build',
      'undone: Build it',
    ])
    expect(stderr).toContain(`${signal}: stopping \`Wait\`, then undoing. A second signal ends the program at once.\n`)
    expect(stderr).toContain(`error: Interrupted by ${signal}. [INTERRUPTED]`)
  })

  it('pressed twice exits at once and lists the steps left to undo', async () => {
    const running = start(program, project, ['hang', '--verbose'])
    await running.printed('| waiting')
    running.child.kill('SIGINT')
    await running.printed('undoing for ever')
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    expect(code).toBe(130)
    expect(stdout).not.toContain('undone:')
    expect(stderr).toContain(
      'SIGINT again: ending at once.\nLeft to undo, newest first:\n  - Hang\n  - Upload it\n  - Build it\n',
    )
  })

  it('pressed twice is reported as JSON with --json', async () => {
    const running = start(program, project, ['hang', '--json'])
    await running.printed('"line":"waiting"')
    running.child.kill('SIGINT')
    await running.printed('undoing for ever')
    running.child.kill('SIGINT')
    const ended = await running.ended
    expect([ended.code, ended.stderr]).toEqual([130, ''])
    expect(events(ended).at(-1)).toMatchObject({ type: 'abandon', left: ['Hang', 'Upload it', 'Build it'] })
  })
})

describe('a running program', () => {
  it('attributes an unhandled rejection to the running step', async () => {
    const { code, stderr } = await task('float')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: nobody waits for me \[FAILED\]\n/)
  })

  it('fails and undoes a step whose promise can never settle', async () => {
    const { code, stdout, stderr } = await task('never', '--verbose')
    expect(code).toBe(1)
    expect(stderr).toContain('error: `Wait for nothing` is waiting for a promise that can never settle')
    expect(stdout).toContain('  | taken back\n')
  })

  it('ends a command that nobody awaited when the run ends', async () => {
    const { code, stdout } = await task('daemon')
    const pid = Number(/pid (\d+)/.exec(stdout)?.[1])
    expect(code).toBe(0)
    await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false)
  })

  it('exits with the exit code of an interactive step', async () => {
    const { code, stdout } = await task('console')
    expect(code).toBe(42)
    expect(stdout).toMatch(/> Enter\nrawfailed: Enter \(/)
  })
})

function alive(pid: number): boolean {
  try {
    // A zombie is still listed.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a command that streams', () => {
  it('has only its lines on standard output, and exits with its code', async () => {
    const { code, stdout, stderr } = await task('exec', '--', 'say', '--json', '-h')
    expect({ code, stdout, stderr }).toEqual({
      code: 7,
      stdout: 'say --json -h\nfalse [hidden]\n',
      stderr: 'to stderr\n',
    })
  })

  it('has its lines as events with --json, before the flag of another program', async () => {
    const { code, stdout } = await task('exec', '--json', '--', 'say')
    const events = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(events.filter(({ type }) => type === 'print')).toMatchObject([
      { line: 'say', data: { words: ['say'] } },
      { line: 'false [hidden]' },
      { line: 'to stderr', to: 'stderr' },
    ])
    expect(events.at(-1)).toMatchObject({ type: 'result', exitCode: 7, ok: false })
    expect(code).toBe(7)
  })

  it('is rejected without words after --, in plain text even if they contain --json', async () => {
    const { code, stderr } = await task('exec', 'say', '--', '--json')
    expect(code).toBe(2)
    expect(stderr).toContain('Write: `npx task exec -- <command>...`.')
  })

  it('is silent when Ctrl-C ends it, with the exit code 130', async () => {
    const running = start(program, project, ['follow'])
    await running.printed('line 2')
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
  })

  it('ends without an error when its reader closes the output', async () => {
    for (const command of ['follow', 'many']) {
      const running = start(program, project, [command])
      await running.printed('line 2')
      running.child.stdout?.destroy()
      const { stderr } = await running.ended
      expect(stderr, command).toBe('')
    }
  })
})

describe('a step with `when`', () => {
  it('runs only if the command line selects it', async () => {
    expect((await task('some')).stdout).not.toContain('Do more')
    expect((await task('some', '--more', '--verbose')).stdout).toContain('more was done')
  })
})
