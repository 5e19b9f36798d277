/**
 * One running script. A bash was started before with `READER`; it takes the script from its standard input, up to a NUL, and
 * what follows is the standard input of the script. So a command costs one round trip, and neither the script nor a
 * value in it ever stands in an argument of a process.
 */
import { PassThrough, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { Fault } from '../../runner/fault.ts'
import { deferred } from '../../runner/promises.ts'
import { hostFaults } from '../faults.ts'
import { isLost, type Known, type Machine, type Session } from '../machine.ts'

/** Text that stands before a script, on its first line, so that bash's line numbers are the script's. */
export const preamble = (commands: readonly string[] = []): string =>
  ['unset s', 'set -eu -o pipefail', ...commands].map(command => `${command}; `).join('')

export interface Process {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Signals the whole process group. Called before the start, it prevents the start. */
  kill(signal: NodeJS.Signals): void
  /** Resolves when a shell there was given the script, or when it ended before that. Never rejects. */
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
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const begun = deferred()
  let session: Session | undefined
  let killed: NodeJS.Signals | undefined

  const kill = (signal: NodeJS.Signals) => {
    killed = signal
    session?.kill(signal)
  }

  const run = async (): Promise<Known | Fault> => {
    const shell = await machine.shell()
    if (killed !== undefined) {
      shell.close()
      return { code: null, signal: killed }
    }
    session = shell
    shell.stdin.on('error', () => undefined)
    shell.stdout.pipe(stdout)
    shell.stderr.pipe(stderr)
    shell.stdin.write(`${script}\0`)
    stdin.pipe(shell.stdin)
    begun.resolve()
    const ending = await shell.closed
    // A stream that was cut does not end what it is piped into.
    if (shell.stdout.destroyed) stdout.end()
    if (shell.stderr.destroyed) stderr.end()
    await Promise.allSettled([stdout, stderr].map(stream => finished(stream, { writable: false })))
    if (isLost(ending)) return hostFaults.CONNECTION_LOST({ host: machine.name, during: label, reason: ending.lost })
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
      for (const stream of [stdout, stderr]) if (!stream.writableEnded) stream.end()
      return ending
    })
  // `started` resolves last, so that a caller that waits for it can already read `ended`.
  void ended.then(() => begun.resolve())
  return { stdin, stdout, stderr, kill, started: begun.promise, ended }
}
