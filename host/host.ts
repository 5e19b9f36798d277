/**
 * A machine that tasks work on, reached over SSH or this one. `test/contract/host.ts` proves each sentence of these
 * comments for any implementation.
 */
import type { Fault } from '../runner/fault.ts'
import type { RunSetting, Shell, Traffic } from '../runner/task.ts'
import type { AnyQuery, Results } from './query.ts'
import type { Output, RunOptions, Script } from './script.ts'

export interface Host extends AsyncDisposable {
  /** For people: `deploy@web-1`, or `this machine`. Commands begin in the home folder of its user. */
  readonly name: string
  /**
   * zx on that machine, for commands that change something: a genuine ProcessPromise. A dry run only prints it. A lost
   * connection rejects with a ProcessOutput whose `cause` is the `Fault`.
   */
  readonly $: Shell
  /** zx on that machine, for commands that only look. A dry run runs it. */
  readonly $readonly: Shell
  /**
   * Runs a script. A non-zero exit is a result (`code`) for the caller to read; a lost connection is a `Fault`, never a
   * result. A script that a signal ended has the code that a shell would show, 128 and the signal's number. In a dry run
   * a script that writes is printed, and its result is `code` 0 with no output.
   */
  run(script: Script, options?: RunOptions): Promise<Output>
  /** As `run`, and a non-zero exit is a `Fault` that shows the exact command and the end of its stderr. Resolves to stdout without the last line break. */
  capture(script: Script, options?: RunOptions): Promise<string>
  /** Puts one query to the host, and resolves to what it reads. */
  query<T>(query: AnyQuery<T>): Promise<T>
  /**
   * Puts queries that only look to the host, side by side and in one round trip. Resolves to their results, in their order, and rejects with the first
   * failure when all have ended. A place may be empty. Throws a `TypeError` when one of them writes.
   */
  all<const Q extends readonly (AnyQuery<unknown> | undefined)[]>(queries: Q): Promise<Results<Q>>
  /** Queries that run there one after the other, in one round trip. */
  pipeline(): Pipeline
  /** Copies a file of this machine there: temporary name beside it, mode set, size and sha256 compared on that machine, renamed. */
  put(local: string, remote: string, options?: PutOptions): Promise<void>
  /** Writes a text file in the same careful way. The text never stands in an argument of a process. Mode as in `chmod`, 0o644 unless told. */
  write(path: string, text: string, mode?: number): Promise<void>
  /**
   * Gives the terminal to a command of bash: raw mode, resizes passed on, Ctrl-C goes to that side. Where our input is a pipe or a
   * file, the command reads that instead. Resolves to its exit code. The command stands in an argument there: no secrets.
   */
  attach(command: string): Promise<number>
  /**
   * Starts a script that stays, such as the holder of a lock: it can read lines from us and we from it. It ends when its
   * standard input ends, and that is at the latest when this host is disposed of. The run's interruption does not end it: what takes
   * things back may need it. `first`: a line that is sent along with it.
   */
  spawn(script: Script, first?: string): Promise<RemoteProcess>
  /**
   * Begins to connect, so that the first command finds the connection open. Connection errors are reported by that command, and
   * a question to a person waits until there is one. Missing where there is no way to go.
   */
  connect?(): void
  /** The user that commands run as, as far as this machine can tell; contacts nothing. Only the other machine knows for certain. */
  account(): Promise<string | undefined>
  /** What has gone over the line to it so far; missing where there is no line. */
  traffic?(): Traffic
}

/** The order is the order in which queries are added. Behind one whose script fails none is run: those reject with `COMMAND_SKIPPED`. */
export interface Pipeline {
  /** Resolves or rejects when that query has ended, and not when all have. Whoever waits for `run` need not look at it. */
  add<T>(query: AnyQuery<T>): Promise<T>
  /** Adds queries whose results nobody wants on their own: `run` tells whether they went well. */
  push(...queries: readonly AnyQuery<unknown>[]): void
  /**
   * Runs what was added; nothing can be added then. Resolves when all have ended. Rejects with the first failure: a script's, or what the `read` of a
   * query threw. In `$begun` a script finds the `$EPOCHREALTIME` of when they all began there, if it did not travel alone.
   */
  run(): Promise<void>
}

export interface PutOptions {
  /** As in `chmod`; 0o644 unless told. */
  readonly mode?: number
  /** Bytes sent so far and in all. */
  readonly onProgress?: (sent: number, total: number) => void
}

/** A script that runs until we let go. */
export interface RemoteProcess extends AsyncDisposable {
  /** The lines that it prints on its standard output. Ends when it ends. */
  readonly lines: AsyncIterable<string>
  /** Sends it a line. */
  send(line: string): void
  /** Resolves with its exit code when it ended, whoever ended it; undefined when the connection was lost. */
  readonly ended: Promise<number | undefined>
}

/** How to reach a machine: what `ssh('web-1')` and `local()` return. Opening connects to nothing. */
export interface Transport {
  readonly name: string
  open(run: HostSetting): Promise<Host>
  /** The same machine, logged in as somebody else. Missing where one does not log in. */
  as?(user: string): Transport
}

/**
 * What a host needs of the run that it is opened for. Commands that run when `signal` is aborted are ended, and so is an
 * attempt to connect; what is started after that runs, because it takes things back.
 */
export interface HostSetting extends Pick<RunSetting, 'signal' | 'confirm'> {
  readonly guard?: Guard
}

/**
 * Asked before anything is changed on a machine, there and in the same script: before each script that writes, each command of
 * `$`, and the rename of `put` and `write`. What only looks, a script that stays and a terminal are not guarded.
 */
export interface Guard {
  /** One line of bash, which exits when nothing may be changed any more; undefined when there is nothing to ask. Throws a `Fault` to refuse at once. */
  script(): Script | undefined
  /** The error to throw when the guard, and not the script itself, caused this exit code. */
  refusal(code: number, stderr: string): Fault | undefined
}
