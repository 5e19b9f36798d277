/** What several rooms of the domain speak of: data only, so that the catalogue of faults can name it. */
import type { Socket } from './lifecycle/sockets.ts'

export interface HealthCheck {
  /** Default `/health`. */
  readonly path?: string
  /** The `Host` that the application is asked for. Default: the name of the router's site, so that a list of allowed hosts lets it pass. */
  readonly host?: string
  /**
   * Further headers of each question, such as `{ Authorization: 'Basic ...' }`. Default: `X-Forwarded-Proto: https` when the router's site has
   * TLS, and none else. What names a secret is hidden in all output, and never an argument of a process.
   */
  readonly headers?: Readonly<Record<string, string>>
  /** The field of the JSON answer that holds the version; `false` when the application does not tell it. Default `version`. */
  readonly version?: string | false
  /** 200s in a row. Default 3. */
  readonly passes?: number
  /** Milliseconds between two questions. Default 50. */
  readonly every?: number
  /** Milliseconds for one answer. Default 2,000. */
  readonly patience?: number
  /** Milliseconds for all of it, the boot included. Default 60,000. */
  readonly within?: number
  /** Milliseconds that the passes in a row must span at least: an application that dies after 5 s is not healthy. Default 0. */
  readonly soak?: number
}

export type Health = Required<HealthCheck>

export interface HealthResult {
  /** `down`: there was no process to begin with. */
  readonly outcome: 'passed' | 'late' | 'gone' | 'down'
  readonly pid: number
  readonly tries: number
  readonly failed: number
  /** HTTP status of the last answer; 0 when there was none. */
  readonly status: number
  readonly body: string
  /** Exit code of curl at the last try. */
  readonly curl: number
  /** Where a redirect of the last answer leads; '' when it is none. */
  readonly redirect: string
  /** All sockets that listen on the port; owner 0 is the slot's process. */
  readonly sockets: readonly Socket[]
}

export interface LockOwner {
  readonly by: string
  readonly deploy: string
  readonly doing: string
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
  /** What to do about it; null when it is good. */
  readonly hint: string | null
}

/** One run of the program, as the host knows it. */
export interface Deploy {
  /** Sorts by time: `20261122T205541Z-3fa9`. Also the generation id of a promote. */
  readonly id: string
  readonly by: string
  /** The machine, or the address of the CI job. */
  readonly where: string
  /** When it began, in milliseconds since 1970. */
  readonly began: number
}

export interface JournalEvent {
  readonly event:
    | 'setup'
    | 'adopt'
    | 'deploy'
    | 'check'
    | 'migrate'
    | 'promote'
    | 'retire'
    | 'repair'
    | 'lock'
    | 'unlock'
  /** The slot that it was done to; of a promote the one that the traffic went to. */
  readonly slot: string
  /** Of a promote: the slot that was live before. */
  readonly from?: string | undefined
  readonly release?: string | undefined
  /** Source revision of the release. */
  readonly revision?: string | undefined
  /** `begun` is of a migration: its end, if anybody saw it, stands in a later line of the same deploy. */
  readonly result: 'begun' | 'done' | 'failed' | 'undone'
  /** The code of the fault, or what there is to say. */
  readonly why?: string | undefined
}

export interface JournalEntry extends JournalEvent {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly by: string
  readonly where: string
  readonly deploy: string
  /** Milliseconds since the run began. */
  readonly ms: number
}
