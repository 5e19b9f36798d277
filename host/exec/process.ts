/**
 * One running script. A bash that runs `READER` was started in advance; it reads the script from its stdin up to a NUL, and the rest is the stdin of the
 * script. So a command costs one round trip, and neither the script nor a value in it is ever visible in the arguments of a process.
 */
import { PassThrough, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { Fault } from '../../runner/fault.ts'
import { deferred } from '../../runner/promises.ts'
import { hostFaults } from '../faults.ts'
import { isLost, type Known, type Machine, type Session } from '../machine.ts'

/** Commands to put before a script, on its first line, so that the line numbers in bash's errors are the script's own. */
export const preamble = (commands: readonly string[] = []): string =>
  ['unset s', 'set -eu -o pipefail', ...commands].map(command => `${command}; `).join('')

export interface Process {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Signals the whole process group. Called before the start, it prevents the start. */
  kill(signal: NodeJS.Signals): void
  /** Resolves when the script was sent to a shell, or when the process ended before that. Never rejects. */
  readonly started: Promise<void>
  /** Resolves when the process has ended and its output was read. A `Fault`, such as a lost connection, is a value. Never rejects. */
  readonly ended: Promise<Known | Fault>
}

/** A process that has already ended, without output. */
export function endedProcess(ending: Known | Fault): Process {
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

/** Starts a whole bash script. `label` describes it in messages. */
export type Start = (script: string, label: string) => Process

/** Starts scripts that are ended when the run is interrupted. Scripts started after the interruption undo earlier steps: they are not ended. */
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

/** Scripts of more characters are sent gzipped: for a shorter one, the three processes that unpack it cost more time than its bytes. */
const LONG = 1_500

/** What a shell that runs `READER` gets before the input of the script. A packed script is the first input of a short one, which unpacks it. */
function onWire(script: string, { takesGzip = false }: Session): readonly (string | Buffer)[] {
  if (!takesGzip || script.length <= LONG) return [`${script}\0`]
  const body = gzipSync(script, { level: 9 })
  return [`s=$(head -c ${body.length} | gzip -dc) || exit; eval "$s"\0`, body]
}

export function start(machine: Machine, script: string, label: string): Process {
  if (script.includes('\0')) throw new TypeError(`a command cannot contain a NUL character: ${JSON.stringify(label)}`)
  const stdin = new PassThrough()
  // A script need not read its input, so a failed write to it is not an error.
  stdin.on('error', () => undefined)
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const started = deferred()
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
    for (const part of onWire(script, shell)) shell.stdin.write(part)
    stdin.pipe(shell.stdin)
    started.resolve()
    const ending = await shell.closed
    // A destroyed stream does not end the stream that it is piped into.
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
  void ended.then(() => started.resolve())
  return { stdin, stdout, stderr, kill, started: started.promise, ended }
}
