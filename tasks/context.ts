/** The context of a project's tasks, in addition to the runner's `TaskContext`. */

import type { Transport } from '../host/host.ts'
import type { Arg, Definer } from '../runner/task.ts'
import type { ProjectConfig } from '../slots/config/config.ts'
import type { Artifact, Slot } from '../slots/contracts.ts'
import type { Deps } from '../slots/deps.ts'
import type { Environment } from '../slots/environment/environment.ts'
import type { RunFacts, Told } from '../slots/facts.ts'
import type { LockWait } from '../slots/lock/lock.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import type { PromoteReport } from '../slots/promote/report/data.ts'
import type { Readings } from '../slots/state/readings.ts'

export interface Context<S extends string> extends Omit<Deps<S>, 'dryRun' | 'log'> {
  /** Where to, such as `staging`; undefined for a project without destinations. */
  readonly destination: string | undefined
  /** The folder of the Taskfile, on this machine. */
  readonly folder: string
  /** The role of the host; undefined if the hosts of the Taskfile have none. */
  readonly role: string | undefined
  /** The names of the hosts that this run leaves out for longer, with `--without`. */
  readonly leaves: readonly string[]
  /** Whether this host's run moves the router, and proves that: false on all but the first host of a pool behind a balancer. */
  readonly leads: boolean
  /** The probes of a promote; undefined if the project has turned them off. */
  readonly probe: Probing | undefined
  readonly lock: RunLock
  /** What the run knows so far. */
  facts(): RunFacts
  /** Hides these values in all output from now on. */
  hide(values: Iterable<string>): void
  /** Plain data without secrets, for a file. */
  redact<T>(data: T): T
  /** Adds the switch of a host to the report of the run. */
  switched(report: PromoteReport): void
  /** Adds to what the run knows, for hooks and notifications. */
  tell(told: Told): void
  /** The account that the Taskfile logs in as, if `--login` replaces it in this run; else undefined. */
  taskfileUser(): Promise<string | undefined>
  /** Reads which slot is live from the router, the public answer and the records. Returns what was read while taking the lock, if nothing was changed since. */
  readings(): Promise<Readings>
  /** The variables of a slot's environment file: those of the project, the runtime and the slot. Later ones override earlier ones. */
  variables(slot: Slot<S>): Environment
  /** What the Taskfile resolves to. Contacts no host. */
  config(): Promise<ProjectConfig>
  /** Runs the project's build source. */
  build(): Promise<Artifact>
}

/** The lock of this run, on each of its machines. It is taken once and held until the run ends. */
export interface RunLock {
  /**
   * Takes the lock. Does not wait for another owner by default.
   *
   * @param only the names of the hosts that have one; all by default
   */
  take(wait?: LockWait, only?: readonly string[]): Promise<void>
}

/** What the factories of the standard tasks need. */
export interface TaskDeps<S extends string> extends Definer<Context<S>> {
  /** The argument that names a slot of this project. */
  readonly slot: Arg<Slot<S>>
  /** Whether the project has several hosts. */
  readonly several: boolean
  /** Whether they are behind one balancer. */
  readonly pooled: boolean
  /** Whether they switch in batches, instead of all at one moment. */
  readonly rolling: boolean
  /** Whether the runtime prepares releases. */
  readonly prepares: boolean
  /** Whether the router can have a canary: if not, what it is called. */
  readonly canary: { readonly router: string | undefined }
  /** The hosts of the application, then that of the router, if it has one of its own. */
  readonly machines: readonly Transport[]
  /** The host of the router, if it has one of its own. */
  readonly ofRouter: Transport | undefined
  /** The Debian packages that the application needs on its host. */
  readonly packages: readonly string[]
  /** The databases of the distribution on the application's host, and the first environment file of the Taskfile. */
  readonly accessories:
    | { readonly database: string | undefined; readonly redis: boolean; readonly file: string | undefined }
    | undefined
  /** What the variables of the application come from, for people. */
  readonly sources: readonly string[]
  /** The timeout of a slot's drain, in milliseconds. */
  readonly drain: Arg<number | undefined>
}
