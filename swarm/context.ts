/** The context of a swarm's tasks, in addition to the runner's `TaskContext`. */
import type { Host, HostSetting } from '../host/host.ts'
import type { Arg, Definer, TaskContext } from '../runner/task.ts'
import type { Artifact } from '../slots/contracts.ts'
import type { Environment } from '../slots/environment/environment.ts'
import type { LockWait } from '../slots/lock/lock.ts'
import type { Deploy } from '../slots/model.ts'
import type { Probing } from '../slots/promote/probe-setting.ts'
import type { Cluster } from './cluster.ts'
import type { SwarmConfig } from './config.ts'
import type { AnySwarmDefinition, SwarmHealth } from './definition.ts'
import type { Names } from './names.ts'
import type { Control } from './router/control.ts'

export interface SwarmContext {
  readonly app: string
  readonly names: Names
  readonly definition: AnySwarmDefinition
  readonly health: Required<Omit<SwarmHealth, 'command'>>
  readonly probe: Probing | undefined
  /** The image of the routers. */
  readonly routerImage: string
  /** The names of the two slots, in the order of the Taskfile. */
  readonly slots: readonly string[]
  /** The folder of the Taskfile, on this machine. */
  readonly folder: string
  /** The manager that this run talks to. */
  readonly host: Host
  /** For further connections. */
  readonly setting: HostSetting
  /** This run. */
  readonly deploy: Deploy
  /** Plain data without secrets, for a file. */
  redact<T>(data: T): T
  /**
   * This context as a step that undoes something needs it: if the manager is lost, through the next one that answers, with the lock.
   *
   * @throws MANAGERS_UNREACHABLE, LOCK_TAKEN, CONNECTION_LOST
   */
  anew(): Promise<SwarmContext>
  /** Takes the lock, once a run, which is held until its end. */
  takeLock(wait?: LockWait): Promise<void>
  /** Reads the engine. */
  cluster(): Promise<Cluster>
  /**
   * The connection to the routers of the cluster, which is opened once, and again if they have changed or it was lost.
   *
   * @throws MANAGER_TAKEN_OUT, CONTROL_ENDED
   */
  control(cluster: Cluster): Promise<Control>
  /** The variables of the application in a slot. */
  variables(slot: string): Environment
  /** What the Taskfile resolves to; contacts nothing. */
  config(): Promise<SwarmConfig>
  /** Runs the build source of the image. */
  build(): Promise<Artifact>
}

/** The context of a step, as far as functions of several steps need it. */
export type StepContext = SwarmContext & Pick<TaskContext, 'signal' | 'log' | 'show'>

/** What the factories of the tasks need. */
export interface SwarmDeps<S extends string = string> extends Definer<SwarmContext> {
  /** The argument that names a slot. */
  readonly slot: Arg<S>
}
