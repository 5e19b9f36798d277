/** The options for what runs in a release beside the process that serves requests: commands, hooks and further processes. */
import { atLeast, type Fields, oneOf, optional, thing } from '../../../runner/taskfile/shape.ts'
import { type Command, commandRule } from './command.ts'
import { processesRule, type ServiceProcess } from './processes.ts'

export interface CommandsOfRelease {
  /**
   * The system user that the application runs as, and all that the release runs but `prepare`. `setup` creates it, without a login and a home, unless it
   * exists. It can read the releases, and write only in the paths of `shared`, which belong to it. The deploying user may run commands as it, and nothing
   * else reads the environment file.
   *
   * @example 'life'
   * @default the deploying user
   */
  readonly user?: string
  /**
   * The command that prepares a release on the host before its first start, in the folder of the release and with the slot's environment: a bash command
   * line, which stops at its first failing command, or a list of arguments. It runs as the deploying user, and only it can write to the release. A release
   * is prepared once; another command makes another release of the same artifact. If it fails, nothing is stopped or started.
   *
   * @example 'npm ci --omit=dev'
   */
  readonly prepare?: Command
  /**
   * Time limit of `prepare` in seconds; after it the command is ended.
   *
   * @default 1800
   */
  readonly prepareLimit?: number
  /**
   * The command that runs the migrations, in the folder of the release and with the slot's environment. A bash command line stops at its first failing
   * command. A program that is terminated before it has completed must exit with a non-zero code; most do, because the signal kills them.
   */
  readonly migrate?: Command
  /**
   * Time limit of the migrations in seconds; after it they are terminated.
   *
   * @default 21600
   */
  readonly migrateLimit?: number
  /**
   * The command of an interactive console. It runs beside the application of a slot, in its release and with its environment.
   *
   * @example 'python3 manage.py shell'
   */
  readonly console?: Command
  /**
   * Further processes of a slot, by name: a command, or an object with its options. Each is a systemd unit of its own, such as `life-worker@blue.service`,
   * with the release, the environment and the folder of the slot. It is started and stopped with its slot, and restarted after a crash.
   *
   * @example { worker: 'bin/worker', clock: { start: 'bin/clock', when: 'live' }, report: { start: 'bin/report', schedule: 'daily' } }
   */
  readonly processes?: Readonly<Record<string, Command | ServiceProcess>>
  /**
   * A command that tells the application that its slot has become live, for example to resume its queues. It runs in the folder of the release and with the
   * slot's environment, when the traffic has verifiably moved; also after a rollback, and again in a `repair`. If it fails, that is reported and written to
   * the journal, and the switch stands.
   *
   * @example 'bin/queues resume'
   */
  readonly promoted?: Command
  /**
   * The same for the slot that was live before. It runs before `promoted` of the other slot. A slot that starts, also after a reboot, is told nothing.
   *
   * @example 'bin/queues pause'
   */
  readonly demoted?: Command
  /**
   * Time limit of `promoted` and of `demoted` in seconds; after it the command is ended.
   *
   * @default 30
   */
  readonly hookLimit?: number
  /**
   * When a promote stops the processes with `when: 'live'` in the slot that was live: before the traffic moves, so that none of them works for an old
   * release while the new one serves requests, or after that was verified, so that a promote that fails at that point never stops them. In between, they
   * run in neither slot; they never run in both.
   *
   * @default 'after'
   */
  readonly demote?: 'before' | 'after'
}

export const commandRules: Fields<CommandsOfRelease> = {
  user: optional(
    thing(
      'the name of a system user such as "life", and not "root"',
      value => typeof value === 'string' && /^[a-z_][a-z0-9_-]{0,30}$/.test(value) && value !== 'root',
    ),
  ),
  prepare: optional(commandRule),
  prepareLimit: optional(atLeast(1, 'seconds')),
  migrate: optional(commandRule),
  migrateLimit: optional(atLeast(1, 'seconds')),
  console: optional(commandRule),
  processes: optional(processesRule),
  demote: optional(oneOf('before', 'after')),
  promoted: optional(commandRule),
  demoted: optional(commandRule),
  hookLimit: optional(atLeast(1, 'seconds')),
}
