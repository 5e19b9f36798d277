/** Runtime for any application that a command starts. systemd supervises that process of each slot, and others beside it. */
import { type Script, sh } from '../../../host/script.ts'
import { atLeast, checked, fields, oneOf, optional } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Runtime, Slot } from '../../../slots/contracts.ts'
import { WEB_ROLE } from '../../../slots/fleet/role-route.ts'
import { hooksOf } from '../hooks.ts'
import { enabledLink } from '../other-units.ts'
import { assertStartable, consoleCommand, execScript, migration, startable } from '../scripts.ts'
import { migrationQuery, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import { unitText } from '../unit.ts'
import {
  type Command,
  commandRule,
  consoleScript,
  environment,
  execStart,
  migrateScript,
  oneCommand,
  programIn,
} from './command.ts'
import {
  limitRules,
  type ProcessLimits,
  processesOf,
  processesRule,
  rolesOf,
  type ServiceProcess,
  type ServiceUnit,
  settingsOf,
} from './processes.ts'

export interface ServiceOptions extends ProcessLimits {
  /**
   * The command that starts the application in the foreground, in the folder of its release and with the slot's environment: a bash command line or a
   * list of arguments. The application must listen on `PORT`: on loopback, or on `LISTEN_ADDRESS` if the router is on another host.
   *
   * @example 'gunicorn --bind 127.0.0.1:$PORT app:app'
   */
  readonly start: Command
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
   * @example { worker: 'bin/worker', scheduler: { start: 'bin/scheduler', when: 'live' } }
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

const OPTIONS = fields<ServiceOptions>({
  start: commandRule,
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
  ...limitRules,
})

export function service(options: ServiceOptions): Plugin<Runtime> {
  checked('service()', OPTIONS, options)
  const settings = withDefaults(options)
  return {
    name: 'service',
    kind: 'runtime',
    ...(options.prepare !== undefined && { prepares: true }),
    roles: rolesOf(options.processes ?? {}),
    settings: () => settings,
    create: context => create(context, settings),
  }
}

const withDefaults = ({
  migrateLimit = 21_600,
  prepareLimit = 1_800,
  hookLimit = 30,
  stopSignal = 'SIGTERM',
  stopLimit = 60,
  killMode = 'mixed',
  ...rest
}: ServiceOptions) => ({ ...rest, migrateLimit, prepareLimit, hookLimit, stopSignal, stopLimit, killMode })

function create(context: PluginContext, options: ReturnType<typeof withDefaults>): Runtime {
  const { app, layout, slots, role = WEB_ROLE } = context
  const { start, migrate, console, migrateLimit, stopSignal, stopLimit, killMode, demote } = options
  const serves = role === WEB_ROLE
  const program = serves ? programIn(start) : undefined
  const processes = processesOf(context, options.processes ?? {})
  const programs = [program, ...processes.map(process => process.program)].filter(path => path !== undefined)
  const unit = { app, layout, start: execStart(start), killMode, stopLimit, settings: settingsOf(options) }

  const supervisor = systemd({
    app,
    layout,
    slots,
    processes,
    startable: slot => startableAll(context, slot, program, processes),
    unitFile: serves ? facts => unitText(unit, facts) : undefined,
  })
  const hook = (command: Command | undefined) => (command === undefined ? undefined : () => oneCommand(command))

  return {
    ...supervised(context, {
      supervisor,
      stopLimit,
      stopSignal,
      others: Object.fromEntries(processes.map(process => [process.name, process])),
      before: (release, slot) => assertStartable(layout, release, slot, ...programs),
      advice: 'Compare the files in the artifact with the commands in `service({ start, processes })`.',
    }),

    ...(!serves && { serves }),

    ...(demote !== undefined && { demotes: demote }),

    ...hooksOf(context, {
      pid: supervisor.pid,
      limit: options.hookLimit,
      commands: { promoted: hook(options.promoted), demoted: hook(options.demoted) },
    }),

    environment: slot => environment(layout, slot),

    ...(options.prepare !== undefined && {
      prepare: { command: oneCommand(options.prepare), limit: options.prepareLimit },
    }),

    exec: (slot, command) => execScript({ layout, slot, command }),

    ...(migrate !== undefined && {
      migrate(release, slot) {
        const script = migration({ layout, release, slot, limit: migrateLimit, command: migrateScript(migrate) })
        return migrationQuery(context, { release, slot, limit: migrateLimit, script })
      },
    }),

    ...(console !== undefined && {
      console: slot => consoleCommand({ layout, slot, command: consoleScript(console) }),
    }),
  }
}

/** As `startable`, also for the processes that the slot was started with. */
const startableAll = (
  { app, layout }: PluginContext,
  slot: Slot,
  program: string | undefined,
  processes: readonly ServiceUnit[],
): Script =>
  sh.lines(
    ...processes.flatMap(process =>
      process.program === undefined
        ? []
        : [
            sh.read`if [ -L ${enabledLink(app, process.name, slot)} ]; then
(${startable(layout, slot, process.program)})
fi`,
          ],
    ),
    program === undefined ? sh.read`true` : startable(layout, slot, program),
  )
