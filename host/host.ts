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
   * Copies a file of the host to this machine: writes a temporary file beside `local`, compares its sha256 with that of the file on the host, sets the mode
   * and renames it. Of a file that grows, such as a log, it copies what was there at the start. Follows `remote` if it is a link.
   *
   * @param remote absolute, or relative to the home folder of the login, as in a script; `~` is not expanded
   * @param local relative to the current folder of this process
   * @throws HOST_FILE_UNREADABLE, LOCAL_FILE_UNWRITABLE, COPY_DIFFERS, SFTP_MISSING
   * @example await host.get('/srv/life/shared/log/production.log', 'production.log')
   */
  get(remote: string, local: string, options?: GetOptions): Promise<void>
  /**
   * The entries of a folder on the host, sorted by name. A dry run reads them.
   *
   * @throws HOST_FILE_UNREADABLE, SFTP_MISSING
   */
  list(folder: string): Promise<readonly ListedFile[]>
  /**
   * Copies a folder of the host to this machine, with the permissions of its files. Copies everything to a temporary folder, and compares each sha256, before
   * a file gets its name. If `local` exists, files of the same name are replaced one by one and others stay. A link within the folder stays a link; a link
   * that leads out of it, and what is neither file, folder nor link, is left out and reported in `skipped`.
   *
   * @throws as `get`
   * @example const { files, skipped } = await host.getFolder('/srv/life/shared/uploads', 'uploads')
   */
  getFolder(remote: string, local: string, options?: CopyOptions): Promise<CopiedFolder>
  /**
   * Copies a folder of this machine to the host, in the same way. An interrupted transfer leaves nothing behind on the host. Never writes through a link
   * inside of `remote`.
   *
   * @throws LOCAL_FILE_UNREADABLE, HOST_DISK_FULL, HOST_WRITE_DENIED, HOST_WRITE_FAILED, TRANSFER_DAMAGED, SFTP_MISSING
   */
  putFolder(local: string, remote: string, options?: CopyOptions): Promise<CopiedFolder>
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

export interface CopyOptions {
  /** Called with the bytes copied so far and the size of everything to copy. Without it a step of a task logs its progress. */
  readonly onProgress?: (copied: number, total: number) => void
}

export interface PutOptions extends CopyOptions {
  /**
   * As in `chmod`.
   *
   * @default 0o644
   */
  readonly mode?: number
}

export interface GetOptions extends CopyOptions {
  /**
   * As in `chmod`, for the file on this machine.
   *
   * @default 0o600, because logs and dumps often hold data of people
   */
  readonly mode?: number
}

/** An entry of a folder. */
export interface ListedFile {
  readonly name: string
  /** `other` is a device, a socket or a pipe. */
  readonly type: 'file' | 'folder' | 'link' | 'other'
  /** In bytes. */
  readonly size: number
  /** The permissions, as in `chmod`. */
  readonly mode: number
  readonly modified: Date
}

/** What a copied folder contains. */
export interface CopiedFolder {
  /** The number of files. */
  readonly files: number
  /** The size of all files together. */
  readonly bytes: number
  /** What was left out: its path in the folder, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
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
  /**
   * The public keys that a login offers, of the agent and of files, as lines of authorized_keys(5) in the order in which they are offered; contacts
   * nothing but the agent. Missing if there is no login.
   *
   * @throws as `endpoint`
   */
  keys?(): Promise<readonly string[]>
  /**
   * Where a connection would go, according to the configuration of this machine; contacts nothing. Missing if there is nothing to connect to.
   *
   * @throws SSH_TOOL_MISSING, SSH_CONFIG_INVALID, SSH_CONFIG_UNSUPPORTED
   */
  endpoint?(): Promise<Endpoint>
  /**
   * Whether a throw-away host takes its place in a rehearsal.
   *
   * @default false
   */
  readonly rehearsed?: boolean
}

export const isTransport = (value: unknown): value is Transport =>
  typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function'

/** Where a connection goes. */
export interface Endpoint {
  readonly user: string
  /** The host name or IP address that is connected to. */
  readonly address: string
  readonly port: number
  /** The machines or the command that the connection goes through, in order. */
  readonly through: readonly string[]
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
 * renames of `put`, `write` and `putFolder`. `$readonly`, `spawn` and `attach` are not guarded.
 */
export interface Guard {
  /** One line of bash that exits if nothing may be changed any more; undefined if there is nothing to check. Throws a `Fault` to refuse at once. */
  script(): Script | undefined
  /** The error to throw if the guard, and not the script itself, caused this exit code. */
  refusal(code: number, stderr: string): Fault | undefined
}
