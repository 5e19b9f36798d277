/**
 * One running script. A bash was started before with `READER`; it takes the script from its standard input, up to a NUL, and
 * what follows is the standard input of the script. So a command costs one round trip, and neither the script nor a
 * value in it ever stands in an argument of a process.
 */
import { PassThrough, Readable, Transform, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { Fault } from '../runner/faults.ts'
import { hostFaults } from './faults.ts'
import { isLost, type Known, type Machine, type Session } from './machine.ts'

/**
 * The marks tell our output from what the account's own shell start-up files print before it, and bring the pid of the
 * process group's leader. A `TMOUT` of the account would end a shell that waits for its script. Run it with `--norc`: a bash
 * whose input is a socket reads the account's start-up file, which may want that input.
 * `inherit_errexit`: without it a `$( )` goes on behind a command that failed, although `set -e` is on.
 */
export const READER =
  'unset TMOUT; shopt -s inherit_errexit; IFS= read -r -d "" s || exit 0; printf "\\0%s\\n" $$ >&2; printf "\\0\\n"; eval "$s"'

/** Text that stands before a script, on its first line, so that bash's line numbers are the script's. */
export const preamble = (commands: readonly string[] = []): string =>
  ['unset s', 'set -eu -o pipefail', ...commands].map(command => `${command}; `).join('')

export interface Process {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** To its whole process group; before it has started, it never will. */
  kill(signal: NodeJS.Signals): void
  /** Resolves when the machine has begun to run it, or when it ended before that. Never rejects. */
  readonly started: Promise<void>
  /** Resolves when it has ended and its output was taken. A `Fault` comes as a value; a lost connection is one. */
  readonly ended: Promise<Known | Fault>
}

/** A process that was over before it began, and said nothing. */
export function ended(ending: Known | Fault): Process {
  const empty = () => Readable.from([])
  return {
    stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
    stdout: empty(),
    stderr: empty(),
    kill: () => undefined,
    started: Promise.resolve(),
    ended: Promise.resolve(ending),
  }
}

/** How long the account's start-up files may take before a script begins, in milliseconds. */
const START = 60_000

/** Starts a whole bash script. `label` is what people see of it. */
export type Start = (script: string, label: string) => Process

/** Starts scripts that the run's interruption ends. What is started after it is what takes things back: that runs. */
export function interruptible(machine: Machine, interruption: AbortSignal): Start {
  const running = new Set<() => void>()
  interruption.addEventListener('abort', () => {
    for (const stop of running) stop()
  })
  return (script, label) => {
    const process = start(machine, script, label)
    if (interruption.aborted) return process
    let interrupted = false
    const stop = () => {
      interrupted = true
      process.kill('SIGTERM')
    }
    running.add(stop)
    const ended = process.ended.then(ending => {
      running.delete(stop)
      return interrupted ? hostFaults.COMMAND_INTERRUPTED({ host: machine.name, command: label }) : ending
    })
    return { ...process, ended }
  }
}

export function start(machine: Machine, script: string, label: string): Process {
  if (script.includes('\0')) throw new TypeError(`a command cannot hold a NUL character: ${JSON.stringify(label)}`)
  const stdin = new PassThrough()
  // A script need not read its input: a write that comes too late is no error of ours.
  stdin.on('error', () => undefined)
  const stdout = afterMark()
  const stderr = afterMark()
  const begun = later()
  let session: Session | undefined
  let killed: NodeJS.Signals | undefined

  const kill = (signal: NodeJS.Signals) => {
    killed = signal
    if (session !== undefined && stderr.mark !== undefined) session.kill(stderr.mark, signal)
  }
  void stderr.marked.then(() => {
    begun.resolve()
    if (killed !== undefined) kill(killed)
  })

  const run = async (): Promise<Known | Fault> => {
    session = await machine.shell()
    if (killed !== undefined) {
      session.close()
      return { code: null, signal: killed }
    }
    session.stdin.on('error', () => undefined)
    session.stdin.write(`${script}\0`)
    stdin.pipe(session.stdin)
    session.stdout.pipe(stdout.stream)
    session.stderr.pipe(stderr.stream)
    let overdue = false
    const slow = setTimeout(() => {
      overdue = true
      session?.close()
    }, START)
    void stderr.marked.then(() => clearTimeout(slow))
    const ending = await session.closed
    clearTimeout(slow)
    // A stream that was cut does not end what it is piped into.
    if (session.stdout.destroyed) stdout.stream.end()
    if (session.stderr.destroyed) stderr.stream.end()
    await Promise.allSettled([stdout.stream, stderr.stream].map(stream => finished(stream, { writable: false })))
    if (overdue) {
      const patience = `its start-up files have not ended after ${START / 1000} s`
      return hostFaults.NO_BASH({ host: machine.name, said: patience })
    }
    if (isLost(ending)) return hostFaults.CONNECTION_LOST({ host: machine.name, during: label, reason: ending.lost })
    if (stderr.mark === undefined)
      return hostFaults.NO_BASH({ host: machine.name, said: said(stdout.before, stderr.before) })
    return ending
  }
  const ended = run()
    .catch((error: unknown) =>
      error instanceof Fault
        ? error
        : hostFaults.NO_SESSION({ host: machine.name, reason: (error as Error).message }, error),
    )
    .then(ending => {
      stdin.destroy()
      for (const { stream } of [stdout, stderr]) if (!stream.writableEnded) stream.end()
      return ending
    })
  // In this order, so that who waits for the start of what never began finds how it ended.
  void ended.then(() => begun.resolve())
  return { stdin, stdout: stdout.stream, stderr: stderr.stream, kill, started: begun.promise, ended }
}

const said = (...chunks: readonly Buffer[]): string =>
  Buffer.concat(chunks).toString().trim().split('\n').slice(-3).join(' ')

/** A promise that is resolved from outside. */
function later(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}

interface Marked {
  readonly stream: Transform
  /** What stood before the mark. */
  readonly before: Buffer
  readonly mark: number | undefined
  readonly marked: Promise<void>
}

/** Passes on what comes after the reader's mark. */
function afterMark(): Marked {
  const found = later()
  const state = { before: Buffer.alloc(0), mark: undefined as number | undefined, marked: found.promise }
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (state.mark !== undefined) return done(null, chunk)
      state.before = Buffer.concat([state.before, chunk])
      const mark = /\0(\d*)\n/.exec(state.before.toString('latin1'))
      if (mark === null) return done()
      state.mark = Number(mark[1])
      const rest = state.before.subarray(mark.index + mark[0].length)
      found.resolve()
      done(null, rest.length > 0 ? rest : undefined)
    },
  })
  return Object.assign(state, { stream })
}
