/** Runtime for any application that a single command starts; systemd supervises one process per slot. */
import { sh } from '../../../host/script.ts'
import { atLeast, checked, fields, oneOf, optional, thing } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Runtime } from '../../../slots/contracts.ts'
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
  programIn,
} from './command.ts'

export interface ServiceOptions {
  /**
   * The command that starts the application in the foreground, in the folder of its release and with the slot's environment: a bash command line or a
   * list of arguments. The application must listen on `PORT`, on loopback.
   *
   * @example 'gunicorn --bind 127.0.0.1:$PORT app:app'
   */
  readonly start: Command
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
   * The signal that makes the application finish its requests and exit.
   *
   * @default 'SIGTERM'
   */
  readonly stopSignal?: StopSignal
  /**
   * Seconds from the stop signal to SIGKILL.
   *
   * @default 60
   */
  readonly stopLimit?: number
  /**
   * Which processes get the stop signal: the main process, which must stop its workers (`mixed`), or each process of the slot (`control-group`).
   *
   * @default 'mixed'
   */
  readonly killMode?: 'mixed' | 'control-group'
  /**
   * Memory limit of a slot. A process that exceeds it is killed and restarted.
   *
   * @example '512M'
   */
  readonly memoryMax?: string
}

type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGWINCH'

const OPTIONS = fields<ServiceOptions>({
  start: commandRule,
  migrate: optional(commandRule),
  migrateLimit: optional(atLeast(1, 'seconds')),
  console: optional(commandRule),
  stopSignal: optional(oneOf('SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH')),
  stopLimit: optional(atLeast(1, 'seconds')),
  killMode: optional(oneOf('mixed', 'control-group')),
  memoryMax: optional(
    thing<string>(
      'an amount of memory such as "512M" or "2G"',
      value => typeof value === 'string' && /^[1-9]\d*[KMGT]$/.test(value),
    ),
  ),
})

export function service(options: ServiceOptions): Plugin<Runtime> {
  checked('service()', OPTIONS, options)
  const settings = withDefaults(options)
  return { name: 'service', kind: 'runtime', settings: () => settings, create: context => create(context, settings) }
}

const withDefaults = ({
  migrateLimit = 21_600,
  stopSignal = 'SIGTERM',
  stopLimit = 60,
  killMode = 'mixed',
  ...rest
}: ServiceOptions) => ({ ...rest, migrateLimit, stopSignal, stopLimit, killMode })

function create(context: PluginContext, options: ReturnType<typeof withDefaults>): Runtime {
  const { app, layout, slots } = context
  const { start, migrate, console, migrateLimit, stopSignal, stopLimit, killMode, memoryMax } = options
  const program = programIn(start)
  const settings = [
    `KillSignal=${stopSignal}`,
    'PrivateTmp=yes',
    ...(memoryMax === undefined ? [] : [`MemoryMax=${memoryMax}`]),
  ]
  const unit = { app, layout, start: execStart(start), killMode, stopLimit, settings }

  return {
    ...supervised(context, {
      supervisor: systemd({
        app,
        layout,
        slots,
        startable: slot => (program === undefined ? sh.read`true` : startable(layout, slot, program)),
        unitFile: facts => unitText(unit, facts),
      }),
      stopLimit,
      stopSignal,
      before: (release, slot) => assertStartable(layout, release, slot, program),
      program: {
        path: program,
        advice: 'Compare the files in the artifact with the program that `service({ start })` names.',
      },
    }),

    environment: slot => environment(layout, slot),

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
