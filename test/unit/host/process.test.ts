import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import { hold } from '../../../host/exec/hold.ts'
import { interruptible, preamble, start } from '../../../host/exec/process.ts'
import { BASH, READER, ready, startBash } from '../../../host/exec/ready.ts'
import { gather } from '../../../host/exec/run.ts'
import type { Ending, Known, Machine, Session } from '../../../host/machine.ts'
import { Fault } from '../../../runner/fault.ts'

/** A machine with one process, whose streams the test controls. */
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
    files: () => Promise.reject(new Error('no files')),
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

/** The same, including the handshake before a shell is ready. */
const readied = () => {
  const controls = puppet()
  const shell = controls.machine.shell
  const machine: Machine = {
    ...controls.machine,
    async shell() {
      const session = await shell()
      await ready('puppet', session)
      return session
    },
  }
  return { ...controls, machine }
}

test('the output of a start-up file before the marker is discarded, even if the marker arrives in pieces', async () => {
  const { machine, stdin, stdout, stderr, end } = readied()
  const process = start(machine, 'true', 'true')
  const output = gather(process.stdout)
  const errors = gather(process.stderr)
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
  expect([output(), errors()]).toEqual(['out \0\n binary', 'err'])
})

test('a signal before the start prevents the script, and one after it reaches the shell', async () => {
  const { machine, stdin, killed, end } = puppet()
  const process = start(machine, 'sleep 1', 'sleep')
  process.stdout.resume()
  process.stderr.resume()
  process.kill('SIGTERM')
  // The shell was not opened yet, so it never gets the script.
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

test('a lost connection ends a process with a Fault, whatever its output was', async () => {
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

test('a machine without bash is reported with the output of its shell', async () => {
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
  /** The result of a script whose shell is silent until its input ends, and then does this. */
  const afterInputEnds = async (then: (controls: ReturnType<typeof puppet>) => void) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const controls = readied()
      const process = start(controls.machine, 'rm -rf everything', 'rm')
      process.stdout.resume()
      process.stderr.resume()
      const given = gather(controls.stdin)
      controls.stdin.on('end', () => then(controls))
      await vi.advanceTimersByTimeAsync(30_000)
      expect(given()).toBe('')
      return await process.ended
    } finally {
      vi.useRealTimers()
    }
  }

  test.each([
    ['', () => undefined],
    [', also if the shell is gone with its last word', end => end({ code: 0, signal: null })],
  ] satisfies [string, (end: (ending: Ending) => void) => void][])(
    'that reads the input is reported, and gets no script to read%s',
    async (_, after) => {
      const fault = await afterInputEnds(({ stdout, stderr, end }) => {
        stderr.once('data', () => after(end))
        stdout.write('\0\n')
        stderr.write('\x0042\n')
      })
      expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('reads the standard input') })
      expect(fault).toMatchObject({ hint: expect.stringContaining('~/.bashrc') })
    },
  )

  test('that starts another program instead is reported, and that program gets no script', async () => {
    const fault = await afterInputEnds(({ end }) => end({ code: 0, signal: null }))
    expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('another program in its place') })
  })

  test('that never ends is reported', async () => {
    const fault = await afterInputEnds(() => undefined)
    expect(fault).toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('have not ended after 15 s') })
  })
})

test('spawning a script that cannot start is rejected', async () => {
  const { machine, stderr, end } = readied()
  const held = hold(machine, { writes: true, text: 'cat' })
  stderr.write('account closed\n')
  await new Promise(resolve => setImmediate(resolve))
  end({ code: 1, signal: null })
  await expect(held).rejects.toMatchObject({ code: 'NO_BASH', message: expect.stringContaining('account closed') })
})

test('a shell that cannot be opened ends the process with a Fault', async () => {
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

test('an interrupt ends running processes but not those started after it', async () => {
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

test('the reader takes the script up to a NUL and leaves the rest of the input to the script', async () => {
  const child = spawn(BASH[0], [...BASH.slice(1), READER], { env: { PATH: process.env.PATH, TMOUT: '1' } })
  child.stdin.end(`${preamble(['export A=b'])}read -r line; echo "$A $line"; cat; echo "\${s-unset}"\0one\ntwo\n`)
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0z\nb one\ntwo\nunset\n' })
})

test('the reader exits with 0 when it gets no script', async () => {
  const child = spawn(BASH[0], [...BASH.slice(1), READER])
  child.stdin.end()
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0z\n' })
})

test('F69 the reader ignores the environment: options, functions, start-up file, POSIXLY_CORRECT, umask', async () => {
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
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0z\n0022\nsubstituted\nplain\nunset\n' })
  const direct = spawn(BASH[0], [...BASH.slice(1), READER], { env })
  direct.stdin.end(`${preamble()}echo /etc/host?; cat <<< text\0`)
  expect(await ended(direct)).toEqual({ code: 0, stdout: '\0z\n/etc/hosts\ntext\n' })
})

/** Includes `SHLVL`: without it, bash takes its piped input for a remote shell and reads the start-up file of the current user. */
const quiet = { PATH: process.env.PATH, SHLVL: '2' }
const shells = ['/bin/sh', '/bin/bash', '/bin/rbash', '/bin/dash', '/bin/tcsh', '/bin/zsh'].filter(existsSync)

test.each(shells)('F69 %s as a login shell starts bash with a script of any characters', async shell => {
  const text = `set -eu\nit='is! \\n "$0"'\nif ! false; then printf '%s|é' "$it" \\\\; exit 7; fi`
  for (const way of ['exec', 'plain'] as const) {
    if (way === 'exec' && shell === '/bin/rbash') continue
    expect(await ended(spawn(shell, ['-c', startBash(text, way)], { env: quiet })), way).toEqual({
      code: 7,
      stdout: 'is! \\n "$0"|é\\|é',
    })
  }
})

test('F69 bash is started even if the account redefines that name', async () => {
  const run = (text: string, more = {}) => ended(spawn('bash', ['-c', text], { env: { ...quiet, ...more } }))
  const ours = { code: 0, stdout: 'ours\n' }
  expect(await run(startBash('echo ours', 'exec'), { 'BASH_FUNC_bash%%': '() { echo mine; }' })).toEqual(ours)
  const aliases = "shopt -s expand_aliases; alias exec='echo mine' bash='echo mine'"
  expect(await run(`${aliases}\n${startBash('echo ours', 'plain')}`)).toEqual(ours)
})

test('the reader reports that the machine has no gzip', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'switchyard-path-'))
  try {
    const child = spawn('/bin/bash', [...BASH.slice(1), READER], { env: { PATH: empty } })
    child.stdin.end()
    expect(await ended(child)).toEqual({ code: 0, stdout: '\0\n' })
  } finally {
    await rm(empty, { recursive: true })
  }
})

describe('a long script', () => {
  const long = `# ${'x'.repeat(5_000)}\nread -r line; echo "$line $#"; exit 3`
  /** Runs the script in bash as on a machine. `change` sees each chunk that the machine gets. */
  const sent = async (takesGzip: boolean, change = (chunk: Buffer) => chunk) => {
    const child = spawn(BASH[0], [...BASH.slice(1), READER])
    let bytes = 0
    const stdin = new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        child.stdin.write(change(chunk), done)
      },
      final: done => void child.stdin.end(done),
    })
    const closed = once(child, 'close').then(([code]): Known => ({ code, signal: null }))
    const { stdout, stderr } = child
    const session: Session = { stdin, stdout, stderr, closed, takesGzip, kill() {}, close() {} }
    const process = start({ ...puppet().machine, shell: async () => session }, long, 'long')
    const printed = text(process.stdout)
    process.stderr.resume()
    process.stdin.end('its input\n')
    return { ending: await process.ended, printed: (await printed).replace(/^\0z?\n/, ''), bytes }
  }

  test('is sent gzipped where the machine takes that, and reads its own input', async () => {
    const [plain, packed] = [await sent(false), await sent(true)]
    const expected = { ending: { code: 3, signal: null }, printed: 'its input 0\n' }
    expect(plain).toMatchObject(expected)
    expect(packed).toMatchObject(expected)
    expect(plain.bytes).toBeGreaterThan(5_000)
    expect(packed.bytes).toBeLessThan(400)
  })

  test('that arrives damaged is not run, and does not count as done', async () => {
    const damage = (chunk: Buffer) => (chunk[0] === 0x1f ? Buffer.from(chunk).fill(0, 20, 40) : chunk)
    const { ending, printed } = await sent(true, damage)
    expect(ending).toEqual({ code: 1, signal: null })
    expect(printed).toBe('')
  })
})

test('the line numbers in errors of bash are those of the script', async () => {
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
