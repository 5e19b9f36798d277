/** Data types that several modules in slots/ share. Types only, so that the error catalogue can import them without a cycle. */
import type { Socket } from './lifecycle/sockets.ts'

export interface HealthCheck {
  /**
   * The path to request.
   *
   * @default '/health'
   */
  readonly path?: string
  /**
   * The `Host` header.
   *
   * @default the name of the router's site, so that the request passes the application's list of allowed hosts
   */
  readonly host?: string
  /**
   * Additional request headers. Values of headers whose names suggest a secret are redacted in all output, and no value is ever a process argument.
   *
   * @default { 'X-Forwarded-Proto': 'https' } if the router's site has TLS, otherwise none
   * @example { Authorization: 'Basic ...' }
   */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * The field of the JSON response that holds the version; `false` if the application does not report it.
   *
   * @default 'version'
   */
  readonly version?: string | false
  /**
   * Consecutive 200 responses that the check requires.
   *
   * @default 3
   */
  readonly passes?: number
  /**
   * Milliseconds between two requests.
   *
   * @default 50
   */
  readonly every?: number
  /**
   * Timeout of one request, in milliseconds.
   *
   * @default 2000
   */
  readonly patience?: number
  /**
   * Timeout of the whole check, including the boot, in milliseconds.
   *
   * @default 60000
   */
  readonly within?: number
  /**
   * Minimum time that the consecutive 200 responses must span, in milliseconds. Catches an application that dies a few seconds after its start.
   *
   * @default 0
   */
  readonly soak?: number
}

export type Health = Required<HealthCheck>

export interface HealthResult {
  /** `late`: timed out · `gone`: the process ended during the check · `down`: there was no process to begin with. */
  readonly outcome: 'passed' | 'late' | 'gone' | 'down'
  readonly pid: number
  readonly tries: number
  /** Tries that failed after the first response. */
  readonly failed: number
  /** HTTP status of the last response; 0 if there was none. */
  readonly status: number
  /** Body of the last response. */
  readonly body: string
  /** Exit code of curl at the last try. */
  readonly curl: number
  /** Target of the last response's redirect; '' if it was not a redirect. */
  readonly redirect: string
  /** All sockets that listen on the port; owner 0 is the slot's process. */
  readonly sockets: readonly Socket[]
}

export interface LockOwner {
  readonly by: string
  readonly deploy: string
  readonly doing: string
  /** Of which destination, if the Taskfile has some. The lock file keeps it after the run. */
  readonly destination?: string
  /** ISO 8601, UTC. */
  readonly since: string
}

export interface Maintenance {
  readonly by: string
  /** ISO 8601, UTC. */
  readonly since: string
  readonly reason: string
}

export interface Check {
  readonly name: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** How to fix it; null if the check passed. */
  readonly hint: string | null
}

/** One run of the program, as recorded on the host. */
export interface Deploy {
  /** Sorts by time: `20261122T205541Z-3fa9`. Also the generation id of a promote. */
  readonly id: string
  readonly by: string
  /** The machine, or the address of the CI job. */
  readonly where: string
  /** Start time, in milliseconds since 1970. */
  readonly began: number
  /** Where to, if the Taskfile has destinations. */
  readonly destination?: string
  /** What runs: `rollback`, also under another name in the Taskfile. */
  readonly command?: string
}

/** What the probes of a switch have counted. Times are in whole milliseconds. */
export interface Figures {
  readonly sent: number
  /** Requests that began after the switch was in effect. */
  readonly failed: number
  readonly slowest: number
}

export interface JournalEvent {
  readonly event:
    | 'setup'
    | 'adopt'
    | 'deploy'
    | 'check'
    | 'migrate'
    | 'promote'
    | 'canary'
    | 'hook'
    | 'retire'
    | 'prune'
    | 'repair'
    | 'lock'
    | 'unlock'
    | 'maintenance'
    | 'remove'
  /** The slot concerned; for a promote, the one that the traffic went to. */
  readonly slot: string
  /** For a promote: the slot that was live before. */
  readonly from?: string | undefined
  readonly release?: string | undefined
  /** Source revision of the release. */
  readonly revision?: string | undefined
  /** Only a migration and a removal have `begun`; the result, if known, is in a later line of the same deploy. */
  readonly result: 'begun' | 'done' | 'failed' | 'undone'
  /** The error code, or a remark. */
  readonly why?: string | undefined
  /** For a promote that was probed. */
  readonly figures?: Figures | undefined
}

export interface JournalEntry extends JournalEvent {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly by: string
  readonly where: string
  readonly deploy: string
  /** Missing for a Taskfile without destinations. */
  readonly destination?: string
  /** The command that the run was; missing in entries of earlier versions. */
  readonly command?: string
  /** Milliseconds since the start of the run. */
  readonly ms: number
}
