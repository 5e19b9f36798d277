/** A machine that tasks work on, over SSH or this one. `test/contract/host.ts` tests each sentence of these comments for any implementation. */
import type { Fault } from '../runner/fault.ts'
import type { RunSetting, Shell, Traffic } from '../runner/task.ts'
import type { AnyQuery, Results } from './query.ts'
import type { Output, RunOptions, Script } from './script.ts'

export interface Host extends AsyncDisposable {
  /** For messages: `deploy@web-1`, or `this machine`. Commands start in the home folder of its user. */
  readonly name: string
  /**
   * zx on that machine, for commands that change something: a genuine ProcessPromise. A dry run only prints the command. If the connection is lost, it
   * rejects with a ProcessOutput whose `cause` is the `Fault`.
   */
  readonly $: Shell
  /** zx on that machine, for commands that only read. A dry run runs them. */
  readonly $readonly: Shell
  /**
   * Runs a script. A non-zero exit code is a result (`code`); a lost connection is a `Fault`, never a result. After a signal, `code` is 128 plus the
   * signal's number, as in a shell. A dry run prints a script that writes; its result is `code` 0 without output.
   *
   * @throws COMMAND_TIMED_OUT, COMMAND_INTERRUPTED, CONNECTION_LOST, and the faults of connecting
   */
  run(script: Script, options?: RunOptions): Promise<Output>
  /**
   * As `run`, but a non-zero exit code is a `Fault` with the exact command and the end of its stderr. Resolves to stdout without the last line break.
   *
   * @throws COMMAND_FAILED, and as `run`
   */
  capture(script: Script, options?: RunOptions): Promise<string>
  /** Runs one query and resolves to its result. */
  query<T>(query: AnyQuery<T>): Promise<T>
  /**
   * Runs queries that only read, side by side and in one round trip. When all have ended, it resolves to their results in order, or rejects with the
   * first failure. The result of `undefined` is `undefined`.
   *
   * @throws TypeError if one of them writes
   */
  all<const Q extends readonly (AnyQuery<unknown> | undefined)[]>(queries: Q): Promise<Results<Q>>
  /** Queries that run one after the other, in one round trip. */
  pipeline(): Pipeline
  /**
   * Copies a file of this machine to the host: writes a temporary file beside `remote`, compares size and sha256 there, sets the mode and renames it.
   *
   * @throws LOCAL_FILE_UNREADABLE, HOST_DISK_FULL, HOST_WRITE_DENIED, HOST_WRITE_FAILED, TRANSFER_DAMAGED
   */
  put(local: string, remote: string, options?: PutOptions): Promise<void>
  /**
   * Writes a text file in the same way. The text is never visible in the arguments of a process.
   *
   * @param mode as in `chmod`; 0o644 by default
   */
  write(path: string, text: string, mode?: number): Promise<void>
  /**
   * Connects the terminal to a bash command: raw mode, resizes are passed on, Ctrl-C goes to the command. If our stdin is a pipe or a file, the command
   * reads that instead. Resolves to its exit code. The command is visible in the arguments of a process: no secrets.
   */
  attach(command: string): Promise<number>
  /**
   * Starts a script that keeps running, such as the holder of a lock, and exchanges lines with it. The script has to exit at the end of its stdin, which
   * comes at the latest when this host is disposed of. An interruption of the run does not end it, because undo steps may need it.
   *
   * @param first a line to send together with the script
   */
  spawn(script: Script, first?: string): Promise<RemoteProcess>
  /**
   * Starts to connect, so that the first command finds the connection open. That command reports connection errors, and a confirmation waits until there
   * is a command. Missing if there is nothing to connect to.
   */
  connect?(): void
  /** The user that commands run as, according to the configuration of this machine; contacts nothing. Undefined if it cannot be told. */
  account(): Promise<string | undefined>
  /** Traffic on the connection so far; missing without a connection. */
  traffic?(): Traffic
}

/** Queries run in the order in which they are added. After one whose script fails none is run: the rest reject with `COMMAND_SKIPPED`. */
export interface Pipeline {
  /** Settles as soon as this query has ended. A caller that awaits `run` need not handle a rejection. */
  add<T>(query: AnyQuery<T>): Promise<T>
  /** Adds queries whose results are not needed; `run` reports their failures. */
  push(...queries: readonly AnyQuery<unknown>[]): void
  /**
   * Runs the queries that were added; none can be added afterwards. Resolves when all have ended. Rejects with the first failure: of a script, or of the
   * `read` of a query. In a batch of several scripts, `$begun` is the `$EPOCHREALTIME` of its start on the host.
   */
  run(): Promise<void>
}

export interface PutOptions {
  /**
   * As in `chmod`.
   *
   * @default 0o644
   */
  readonly mode?: number
  /** Called with the bytes sent so far and the size of the file. */
  readonly onProgress?: (sent: number, total: number) => void
}

/** A script that runs until it is disposed of. */
export interface RemoteProcess extends AsyncDisposable {
  /** The lines of its stdout. Ends when the script does. */
  readonly lines: AsyncIterable<string>
  /** Writes a line to its stdin. */
  send(line: string): void
  /** Resolves to its exit code; to undefined if the connection was lost. Never rejects. */
  readonly ended: Promise<number | undefined>
}

/** How to reach a machine: what `ssh('web-1')` and `local()` return. `open` contacts nothing. */
export interface Transport {
  readonly name: string
  open(run: HostSetting): Promise<Host>
  /** The same machine with another login. Missing if there is no login. */
  as?(user: string): Transport
}

/**
 * What a host needs of the run that it is opened for. When `signal` is aborted, running commands and attempts to connect are ended. Commands started
 * after that are not, because they undo earlier steps.
 */
export interface HostSetting extends Pick<RunSetting, 'signal' | 'confirm'> {
  readonly guard?: Guard
}

/**
 * A check that runs on the machine, in the same script and before anything is changed: before each script that writes, each command of `$`, and the
 * rename of `put` and `write`. `$readonly`, `spawn` and `attach` are not guarded.
 */
export interface Guard {
  /** One line of bash that exits if nothing may be changed any more; undefined if there is nothing to check. Throws a `Fault` to refuse at once. */
  script(): Script | undefined
  /** The error to throw if the guard, and not the script itself, caused this exit code. */
  refusal(code: number, stderr: string): Fault | undefined
}
