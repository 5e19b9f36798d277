/** The options of `container()`. */
import { anyText, atLeast, fields, list, oneOf, optional, path, record } from '../../../runner/taskfile/shape.ts'
import { type Command, commandRule } from '../service/command.ts'
import {
  type ContainerProcess,
  containerProcessesRule,
  limitRules,
  type ProcessLimits,
  type Resources,
} from '../service/processes.ts'
import { type CommandsOfRelease, commandRules } from '../service/release-commands.ts'
import type { EngineName } from './scripts.ts'

export interface ContainerOptions
  extends Pick<ProcessLimits, 'stopSignal' | 'stopLimit' | Resources>,
    Pick<CommandsOfRelease, 'demote'> {
  /**
   * The engine of the host, from Debian's packages. `podman` runs rootless, as the deploying user. For `docker` that user has to be in the group `docker`,
   * which is as powerful as root.
   *
   * @default 'podman'
   */
  readonly engine?: EngineName
  /**
   * What the container runs instead of the image's own command (`CMD`); the entry point of the image stays. A list of arguments, or a command line for the
   * `sh` of the image. The application must listen on `PORT`, on 127.0.0.1: the container has the network of the host.
   *
   * @default the command of the image
   * @example ['bin/server', '--verbose']
   */
  readonly start?: Command
  /**
   * The command that runs the migrations, in a container of its own. The entry point of the image stays. A program that is terminated before it has
   * completed must exit with a non-zero code.
   */
  readonly migrate?: Command
  /**
   * Time limit of the migrations in seconds; after it they are terminated.
   *
   * @default 21600
   */
  readonly migrateLimit?: number
  /**
   * The command of an interactive console, without the entry point. It runs in the container of a slot, or if that is down in one of its own.
   *
   * @example ['bin/console']
   */
  readonly console?: Command
  /**
   * Further processes of a slot, by name: a command as in `start`, or an object with its options. Each is a container of its own, of the same image, with
   * the environment and the volumes of the slot, in a systemd unit such as `life-worker@blue.service`. It is started and stopped with its slot, and
   * restarted after a crash. The options are those of the processes of `service()`, without `killMode`.
   *
   * @example { worker: ['bin/worker'], scheduler: { start: ['bin/scheduler'], when: 'live' } }
   */
  readonly processes?: Readonly<Record<string, Command | ContainerProcess>>
  /**
   * A command that tells the application that its slot has become live, for example to resume its queues. It runs as `migrate` does, in a container of its
   * own, when the traffic has verifiably moved; also after a rollback, and again in a `repair`. If it fails, that is reported and written to the journal,
   * and the switch stands.
   *
   * @example ['bin/queues', 'resume']
   */
  readonly promoted?: Command
  /**
   * The same for the slot that was live before. It runs before `promoted` of the other slot. A slot that starts, also after a reboot, is told nothing.
   *
   * @example ['bin/queues', 'pause']
   */
  readonly demoted?: Command
  /**
   * Time limit of `promoted` and of `demoted` in seconds; after it the command is ended.
   *
   * @default 30
   */
  readonly hookLimit?: number
  /**
   * Where the paths of the project's `shared` are in the container. Everything else that the application writes is lost when its container ends.
   *
   * @example { storage: '/app/storage' }
   */
  readonly volumes?: Readonly<Record<string, string>>
  /**
   * Further arguments for `podman run` or `docker run`, for the container of a slot and for all others of its release. Not for secrets. Not `--user` with
   * Docker: only a process of the deploying user can be proven to hold the port.
   *
   * @example ['--init', '--shm-size=256m']
   */
  readonly options?: readonly string[]
}

export const OPTIONS = fields<ContainerOptions>({
  engine: optional(oneOf('docker', 'podman')),
  start: optional(commandRule),
  migrate: optional(commandRule),
  migrateLimit: optional(atLeast(1, 'seconds')),
  console: optional(commandRule),
  processes: optional(containerProcessesRule),
  promoted: optional(commandRule),
  demoted: optional(commandRule),
  hookLimit: commandRules.hookLimit,
  demote: commandRules.demote,
  volumes: optional(record(path)),
  options: optional(list(anyText)),
  stopSignal: limitRules.stopSignal,
  stopLimit: limitRules.stopLimit,
  memoryMax: limitRules.memoryMax,
  cpuMax: limitRules.cpuMax,
  filesMax: limitRules.filesMax,
})

export const withDefaults = ({
  engine = 'podman',
  migrateLimit = 21_600,
  hookLimit = 30,
  stopSignal = 'SIGTERM',
  stopLimit = 60,
  ...rest
}: ContainerOptions) => ({ ...rest, engine, migrateLimit, hookLimit, stopSignal, stopLimit })

export type Settings = ReturnType<typeof withDefaults>
