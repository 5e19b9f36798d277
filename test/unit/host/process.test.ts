import { type ChildProcess, spawn } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { hold } from '../../../host/hold.ts'
import type { Ending, Machine, Session } from '../../../host/machine.ts'
import { interruptible, preamble, READER, start } from '../../../host/process.ts'
import { gather } from '../../../host/run.ts'
import { Fault } from '../../../runner/faults.ts'

/** A machine whose one process is made of streams that the test holds. */
function puppet() {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const killed: [number, string][] = []
  let close = (_: Ending) => {}
  const closed = new Promise<Ending>(resolve => {
    close = resolve
  })
  const session: Session = {
    stdin,
    stdout,
    stderr,
    closed,
    kill: (...words) => killed.push(words),
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

test('what a start-up file prints before the mark is not output, and the mark may come in pieces', async () => {
  const { machine, stdout, stderr, end } = puppet()
  const process = start(machine, 'true', 'true')
  const said = gather(process.stdout)
  const erred = gather(process.stderr)
  for (const piece of ['noise \0 no', 'ise\n', '\0', '\nou', 't \0\n binary']) stdout.write(piece)
  for (const piece of ['motd\n\0', '4', '2', '\n', 'err']) stderr.write(piece)
  await process.started
  end({ code: 0, signal: null })
  expect(await process.ended).toEqual({ code: 0, signal: null })
  expect([said(), erred()]).toEqual(['out \0\n binary', 'err'])
})

test('a signal waits until the process group is known', async () => {
  const { machine, stderr, killed, end } = puppet()
  const process = start(machine, 'sleep 1', 'sleep')
  process.stdout.resume()
  process.stderr.resume()
  process.kill('SIGTERM')
  // The shell was not asked for in this turn yet: it is not given the script at all.
  expect(await process.ended).toEqual({ code: null, signal: 'SIGTERM' })
  expect(killed).toEqual([])
  end({ code: 0, signal: null })

  const later = puppet()
  const second = start(later.machine, 'sleep 1', 'sleep')
  second.stdout.resume()
  second.stderr.resume()
  await new Promise(resolve => later.stdin.once('data', resolve))
  second.kill('SIGTERM')
  expect(later.killed).toEqual([])
  later.stderr.write('\x0042\n')
  await second.started
  expect(later.killed).toEqual([[42, 'SIGTERM']])
  later.end({ code: null, signal: 'SIGTERM' })
  expect(await second.ended).toEqual({ code: null, signal: 'SIGTERM' })
  expect(stderr.destroyed).toBe(false)
})

test('a lost connection is a Fault, whatever was said before', async () => {
  const { machine, stdout, stderr, end } = puppet()
  const process = start(machine, 'deploy', 'deploy it')
  process.stdout.resume()
  process.stderr.resume()
  stderr.write('\x0042\n')
  stdout.write('\0\nall fine')
  await process.started
  end({ lost: 'cable cut' })
  const ended = await process.ended
  expect(ended).toBeInstanceOf(Fault)
  expect(ended).toMatchObject({
    code: 'CONNECTION_LOST',
    message: 'the connection to puppet was lost during: deploy it (cable cut)',
  })
})

test('a machine that does not run bash is told with what it said', async () => {
  const { machine, stderr, end } = puppet()
  const process = start(machine, 'true', 'true')
  process.stdout.resume()
  process.stderr.resume()
  stderr.write('sh: 1: exec: bash: not found\n')
  end({ code: 127, signal: null })
  expect(await process.ended).toMatchObject({
    code: 'NO_BASH',
    message: 'puppet does not start bash for us: sh: 1: exec: bash: not found',
  })
})

test('start-up files that never end are told', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { machine } = puppet()
    const process = start(machine, 'true', 'true')
    process.stdout.resume()
    process.stderr.resume()
    await vi.advanceTimersByTimeAsync(61_000)
    expect(await process.ended).toMatchObject({ code: 'NO_BASH' })
  } finally {
    vi.useRealTimers()
  }
})

test('a script that cannot even begin is not held', async () => {
  const { machine, stderr, end } = puppet()
  const held = hold(machine, { writes: true, text: 'cat' })
  stderr.write('account closed\n')
  end({ code: 1, signal: null })
  await expect(held).rejects.toMatchObject({
    code: 'NO_BASH',
    message: 'puppet does not start bash for us: account closed',
  })
})

test('a shell that cannot be had is a Fault as a value', async () => {
  const { machine } = puppet()
  const shell = async () => {
    throw new Error('out of sessions')
  }
  const process = start({ ...machine, shell }, 'true', 'true')
  expect(await process.ended).toMatchObject({ code: 'NO_SESSION', message: 'puppet opens no session: out of sessions' })
})

test('an interruption ends what runs and not what is started after it', async () => {
  const controller = new AbortController()
  const { machine, stderr, killed, end } = puppet()
  const begin = interruptible(machine, controller.signal)
  const process = begin('sleep 1', 'sleep 1')
  process.stdout.resume()
  process.stderr.resume()
  stderr.write('\x0042\n')
  await process.started
  controller.abort()
  expect(killed).toEqual([[42, 'SIGTERM']])
  end({ code: null, signal: 'SIGTERM' })
  expect(await process.ended).toMatchObject({ code: 'COMMAND_INTERRUPTED', exit: 130 })

  const after = puppet()
  const undo = interruptible(after.machine, controller.signal)('undo', 'undo')
  undo.stdout.resume()
  undo.stderr.resume()
  after.stderr.write('\x0043\n')
  await undo.started
  after.end({ code: 0, signal: null })
  expect(await undo.ended).toEqual({ code: 0, signal: null })
})

test('the reader takes one script up to a NUL and leaves the rest of its input to it', async () => {
  const child = spawn('bash', ['--norc', '-c', READER], { env: { PATH: process.env.PATH, TMOUT: '1' } })
  child.stdin.end(`${preamble(['export A=b'])}read -r line; echo "$A $line"; cat; echo "\${s-unset}"\0one\ntwo\n`)
  expect(await ended(child)).toEqual({ code: 0, stdout: '\0\nb one\ntwo\nunset\n' })
})

test('the reader ends in peace when it is given no script', async () => {
  const child = spawn('bash', ['--norc', '-c', READER])
  child.stdin.end()
  expect(await ended(child)).toEqual({ code: 0, stdout: '' })
})

test("the line numbers of bash's errors are those of the script", async () => {
  const child = spawn('bash', ['--norc', '-c', READER])
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
