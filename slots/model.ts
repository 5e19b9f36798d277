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
  readonly said: string
  /** What to do about it; null when it is good. */
  readonly next: string | null
}
