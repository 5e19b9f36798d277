/** The options of `container()`. */
import { anyText, atLeast, fields, list, oneOf, optional, path, record } from '../../../runner/taskfile/shape.ts'
import { type Command, commandRule } from '../service/command.ts'
import { limitRules, type ProcessLimits } from '../service/processes.ts'
import type { EngineName } from './scripts.ts'

export interface ContainerOptions extends Pick<ProcessLimits, 'stopSignal' | 'stopLimit' | 'memoryMax'> {
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
  volumes: optional(record(path)),
  options: optional(list(anyText)),
  stopSignal: limitRules.stopSignal,
  stopLimit: limitRules.stopLimit,
  memoryMax: limitRules.memoryMax,
})

export const withDefaults = ({
  engine = 'podman',
  migrateLimit = 21_600,
  stopSignal = 'SIGTERM',
  stopLimit = 60,
  ...rest
}: ContainerOptions) => ({ ...rest, engine, migrateLimit, stopSignal, stopLimit })

export type Settings = ReturnType<typeof withDefaults>
