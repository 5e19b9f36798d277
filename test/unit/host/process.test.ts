import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import { hold } from '../../../host/exec/hold.ts'
import { interruptible, preamble, start } from '../../../host/exec/process.ts'
import { BASH, READER, ready, startBash } from '../../../host/exec/ready.ts'
import { gather } from '../../../host/exec/run.ts'
import type { Ending, Machine, Session } from '../../../host/machine.ts'
import { Fault } from '../../../runner/fault.ts'

/** A machine whose one process is made of streams that the test holds. */
function puppet() {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const killed: string[] = []
  let close = (_: Ending) => {}
  const closed = new Promise<Ending>(resolve => {
    close = resolve
  })
  const session: Session = {
    stdin,
    stdout,
    stderr,
    closed,
    kill: signal => killed.push(signal),
    close: () => end({ lost: 'let go' }),
  }
  const machine: Machine = {
    name: 'puppet',
    shell: async () => session,
    attach: async () => ({ lost: 'no terminal' }),
    account: async () => undefined,
    async [Symbol.asyncDispose]() {},
  }
  const end = (ending: Ending) => {
    stdout.end()
    stderr.end()
    close(ending)
  }
  return { machine, stdin, stdout, stderr, killed, end }
}

/** The same, with what comes before a shell is ready. */
const readied = () => {
  const puppeteer = puppet()
  const shell = puppeteer.machine.shell
  const machine: Machine = {
    ...puppeteer.machine,
    async shell() {
      const session = await shell()
      await ready('puppet', session)
      return session
    },
  }
  return { ...puppeteer, machine }
}

test('what a start-up file prints before the mark is not output, and the mark may come in pieces', async () => {
  const { machine, stdin, stdout, stderr, end } = readied()
  const process = start(machine, 'true', 'true')
  const said = gather(process.stdout)
  const erred = gather(process.stderr)
  const given = gather(stdin)
  for (const piece of ['noise \0 no', 'ise\n', '\0', '\n']) stdout.write(piece)
  for (const piece of ['motd\n\0', '4', '2']) stderr.write(piece)
  await new Promise(resolve => setImmediate(resolve))
  expect(given()).toBe('')
  stderr.write('\n')
  await process.started
  await vi.waitFor(() => expect(given()).toBe('true\0'))
  stdout.write('out \0\n binary')
  stderr.write('err')
  end({ code: 0, signal: null })
  expect(await process.ended).toEqual({ code: 0, signal: null })
  expect([said(), erred()]).toEqual(['out \0\n binary', 'err'])
})

test('a signal waits until the shell is there', async () => {
  const { machine, stdin, killed, end } = puppet()
  const process = start(machine, 'sleep 1', 'sleep')
  process.stdout.resume()
  process.stderr.resume()
  process.kill('SIGTERM')
  // The shell was not asked for in this turn yet: it is not given the script at all.
  expect(await process.ended).toEqual({ code: null, signal: 'SIGTERM' })
  expect([killed, stdin.read()]).toEqual([[], null])
  end({ code: 0, signal: null })

  const later = puppet()
  const second = start(later.machine, 'sleep 1', 'sleep')
  second.stdout.resume()
  second.stderr.resume()
  await second.started
  second.kill('SIGTERM')
  expect(later.killed).toEqual(['SIGTERM'])
  later.end({ code: null, signal: 'SIGTERM' })
  expect(await second.ended).toEqual({ code: null, signal: 'SIGTERM' })
})

test('a lost connection is a Fault, whatever was said before', async () => {
  const { machine, stdout, end } = puppet()
  const process = start(machine, 'deploy', 'deploy it')
  process.stdout.resume()
  process.stderr.resume()
  stdout.write('all fine')
  await process.started
  end({ lost: 'cable cut' })
  const ended = await process.ended
  expect(ended).toBeInstanceOf(Fault)
  expect(ended).toMatchObject({
    code: 'CONNECTION_LOST',
    message: 'The connection to puppet was lost during: deploy it (cable cut).',
  })
})

test('a machine that does not run bash is told with what it said', async () => {
  const { machine, stderr, end } = readied()
  const process = start(machine, 'true', 'true')
  process.stdout.resume()
  process.stderr.resume()
  stderr.write('sh: 1: exec: bash: not found\n')
  await new Promise(resolve => setImmediate(resolve))
  end({ code: 127, signal: null })
  expect(await process.ended).toMatchObject({
    code: 'NO_BASH',
    message:
      'Bash does not start on puppet: its login shell ended with code 127 before it started bash; output: sh: 1: exec: bash: not found.',
    hint: expect.stringContaining('apt-get install bash'),
  })
})

describe('F69 a start-up file', () => {
  /** What becomes of a script when the shell does this once its input has ended, and before that nothing. */
  const waiting = async (then: (it: ReturnType<typeof puppet>) => void) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const it = readied()
      const process = start(it.machine, 'rm -rf everything', 'rm')
      process.stdout.resume()
      process.stderr.resume()
      const given = gather(it.stdin)
      it.stdin.on('end', () => then(it))
      await vi.advanceTimersByTimeAsync(30_000)
      expect(given()).toBe('')
      return await process.ended
    } finally {
      vi.useRealTimers()
    }
  }

  test('that reads the input is told, and gets nothing to read', async () => {
    const fault = await waiting(({ stdout, stderr }) => {
      stdout.write('\0\n')
      stderr.write('\x0042\n')
    })
    expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('reads the standard input') })
    expect(fault).toMatchObject({ hint: expect.stringContaining('~/.bashrc') })
  })

  test('that starts another program instead is told, and that one gets nothing to run', async () => {
    const fault = await waiting(({ end }) => end({ code: 0, signal: null }))
    expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('another program in its place') })
  })

  test('that never ends is told', async () => {
    const fault = await waiting(() => undefined)
    expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('have not ended after 15 s') })
  })
})

test('a script that cannot even begin is not held', async () => {
  const { machine, stderr, end } = readied()
  const held = hold(machine, { writes: true, text: 'cat' })
  stderr.write('account closed\n')
  await new Promise(resolve => setImmediate(resolve))
  end({ code: 1, signal: null })
  await expect(held).rejects.toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('account closed') })
})

test('a shell that cannot be had is a Fault as a value', async () => {
  const { machine } = puppet()
  const shell = async () => {
    throw new Error('out of sessions')
  }
  const process = start({ ...machine, shell }, 'true', 'true')
  expect(await process.ended).toMatchObject({
    code: 'NO_SESSION',
    message: 'No session can be opened on puppet: out of sessions.',
  })
})

test('an interruption ends what runs and not what is started after it', async () => {
  const controller = new AbortController()
  const { machine, killed, end } = puppet()
  const begin = interruptible(machine, controller.signal)
  const process = begin('sleep 1', 'sleep 1')
  process.stdout.resume()
  process.stderr.resume()
  await process.started
  controller.abort()
  expect(killed).toEqual(['SIGTERM'])
  end({ code: null, signal: 'SIGTERM' })
  expect(await process.ended).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })

  const after = puppet()
  const undo = interruptible(after.machine, controller.signal)('undo', 'undo')
  undo.stdout.resume()
  undo.stderr.resume()
  await undo.started
  after.end({ code: 0, signal: null })
  expect(await undo.ended).toEqual({ code: 0, signal: null })
})

test('the reader takes one script up to a NUL and leaves the rest of its input to it', async () => {
  const child = spawn(BASH[0], [...BASH.slice(1), READER], { env: { PATH: process.env.PATH, TMOUT: '1' } })
  child.stdin.end(`${preamble(['export A=b'])}read -r line; echo "$A $line"; cat; echo "\${s-unset}"\0one\ntwo\n`)
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0\nb one\ntwo\nunset\n' })
})

test('the reader ends in peace when it is given no script', async () => {
  const child = spawn(BASH[0], [...BASH.slice(1), READER])
  child.stdin.end()
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0\n' })
})

test('F69 the reader heeds nothing that the environment brings: options, functions, a start-up file, POSIXLY_CORRECT, the umask', async () => {
  const env = {
    PATH: process.env.PATH,
    POSIXLY_CORRECT: '1',
    SHELLOPTS: 'noexec:noglob',
    BASH_ENV: '/dev/stdin',
    'BASH_FUNC_printf%%': '() { echo mine; }',
    'BASH_FUNC_eval%%': '() { echo mine; }',
    'BASH_FUNC_cat%%': '() { echo mine; }',
  }
  const child = spawn('sh', ['-c', `umask 077; exec ${BASH.join(' ')} "$0"`, READER], {
    env: { ...env, SHELLOPTS: '' },
  })
  child.stdin.end(
    `${preamble()}umask; cat <(echo substituted); shopt -qo posix || echo plain; echo "\${POSIXLY_CORRECT-unset}"\0`,
  )
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0\n0022\nsubstituted\nplain\nunset\n' })
  const direct = spawn(BASH[0], [...BASH.slice(1), READER], { env })
  direct.stdin.end(`${preamble()}echo /etc/host?; cat <<< text\0`)
  expect(await ended(direct)).toEqual({ code: 0, stdout: '\0\n/etc/hosts\ntext\n' })
})

/** With an `SHLVL`, or bash takes its piped input for a remote shell's and reads the start-up file of whoever runs the tests. */
const quiet = { PATH: process.env.PATH, SHLVL: '2' }
const shells = ['/bin/sh', '/bin/bash', '/bin/rbash', '/bin/dash', '/bin/tcsh', '/bin/zsh'].filter(existsSync)

test.each(shells)('F69 %s as a login shell starts bash with a text of any characters', async shell => {
  const text = `set -eu\nit='is! \\n "$0"'\nif ! false; then printf '%s|é' "$it" \\\\; exit 7; fi`
  for (const way of ['exec', 'plain'] as const) {
    if (way === 'exec' && shell === '/bin/rbash') continue
    expect(await ended(spawn(shell, ['-c', startBash(text, way)], { env: quiet })), way).toEqual({
      code: 7,
      stdout: 'is! \\n "$0"|é\\|é',
    })
  }
})

test('F69 bash is started whatever the account has made of that word', async () => {
  const said = (text: string, more = {}) => ended(spawn('bash', ['-c', text], { env: { ...quiet, ...more } }))
  const ours = { code: 0, stdout: 'ours\n' }
  expect(await said(startBash('echo ours', 'exec'), { 'BASH_FUNC_bash%%': '() { echo mine; }' })).toEqual(ours)
  const aliases = "shopt -s expand_aliases; alias exec='echo mine' bash='echo mine'"
  expect(await said(`${aliases}\n${startBash('echo ours', 'plain')}`)).toEqual(ours)
})

test("the line numbers of bash's errors are those of the script", async () => {
  const child = spawn(BASH[0], [...BASH.slice(1), READER])
  const stderr: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.end(`${preamble()}true\nnot-a-command\0`)
  expect((await ended(child)).code).toBe(127)
  expect(Buffer.concat(stderr).toString()).toContain('line 2: not-a-command: command not found')
})

const ended = (child: ChildProcess) =>
  new Promise<{ code: number | null; stdout: string }>(resolve => {
    let stdout = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk
    })
    child.once('close', code => resolve({ code, stdout }))
  })
