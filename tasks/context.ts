/** What the tasks of a project can use beyond the runner's kit. */

import type { Host } from '../host/host.ts'
import type { Arg, Definer } from '../runner/task.ts'
import type { Artifact, HostFacts, Provision, Router, Runtime, Slot } from '../slots/contracts.ts'
import type { Layout } from '../slots/layout.ts'
import type { LockWait } from '../slots/lock/lock.ts'
import type { Deploy, Health } from '../slots/model.ts'
import type { Probing } from '../slots/promote/probe.ts'
import type { Slots } from '../slots/slot.ts'
import type { Readings } from '../slots/state/readings.ts'

export interface Context<S extends string> {
  readonly app: string
  readonly host: Host
  readonly layout: Layout
  readonly slots: Slots<S>
  readonly router: Router
  readonly runtime: Runtime
  readonly health: Health
  /** How a promote measures itself; undefined where the project does not want that. */
  readonly probe: Probing | undefined
  /** This run of the program, as the host's records know it. */
  readonly deploy: Deploy
  readonly lock: RunLock
  /** The account that the Taskfile logs in as, where the command line has named another one for this run. */
  taskfileUser(): Promise<string | undefined>
  /** Which slot is live, as router, public answer and records say it; as they said it under the lock when it was just taken. */
  readings(): Promise<Readings>
  /** Runs the project's build source. */
  build(): Promise<Artifact>
  /** The text of a slot's environment file: the project's environment, the runtime's, and the slot's own, the last wins. */
  environment(slot: Slot): string
  /** What the plugins want to stand on the host. */
  provisions(facts: HostFacts): readonly Provision[]
}

/** The lock of this run: taken once, kept to the end. */
export interface RunLock {
  /** Not waiting for anybody unless told. */
  take(line?: LockWait): Promise<void>
}

/** With what a standard task is made. */
export interface TaskDeps<S extends string> extends Definer<Context<S>> {
  /** A slot of this project, by its name. */
  readonly slot: Arg<Slot<S>>
  /** How long a slot may take to lose its connections before it is stopped, in milliseconds. */
  readonly drain: Arg<number | undefined>
}
