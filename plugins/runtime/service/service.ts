/** Any application that one command starts: a process of systemd, one a slot. */
import { sh } from '../../../host/script.ts'
import { atLeast, checked, fields, oneOf, optional, thing } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Runtime } from '../../../slots/contracts.ts'
import { assertStartable, consoleLine, migration, startable } from '../scripts.ts'
import { migrating, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import { unitText } from '../unit.ts'
import {
  type Command,
  commandRule,
  consoleScript,
  environment,
  migrateScript,
  programIn,
  startLine,
} from './command.ts'

export interface ServiceOptions {
  /**
   * The one command that starts the application and stays, in the folder of its release and with the slot's environment: a line of bash, such as
   * `gunicorn --bind 127.0.0.1:$PORT app:app`, or a list of words. It has to listen on `PORT`, on loopback.
   */
  readonly start: Command
  /**
   * The command that runs the migrations, in the folder of the release and with the slot's environment. A line of bash ends at its first command that
   * fails. Each program has to end with another code than 0 when it was told to end before it was done: most do, by dying of the signal.
   */
  readonly migrate?: Command
  /**
   * Seconds that the migrations may take, then they are ended.
   * @default 21600
   */
  readonly migrateLimit?: number
  /** The command of an interactive console, such as `python3 manage.py shell`; it runs beside the application of a slot, in its release and with its environment. */
  readonly console?: Command
  /**
   * The signal that tells the application to finish its requests and end.
   * @default 'SIGTERM'
   */
  readonly stopSignal?: StopSignal
  /**
   * Seconds that a slot has from that signal to SIGKILL.
   * @default 60
   */
  readonly stopLimit?: number
  /**
   * Who gets that signal: the process of `start`, which tells its workers, or, with `control-group`, each process of the slot.
   * @default 'mixed'
   */
  readonly killMode?: 'mixed' | 'control-group'
  /** Memory that a slot may take, such as `512M`: a process that wants more is killed and started again. */
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
  return { name: 'service', kind: 'runtime', create: kit => create(kit, options) }
}

function create(kit: PluginContext, options: ServiceOptions): Runtime {
  const { app, layout, slots } = kit
  const { start, migrate, console, migrateLimit = 21_600, stopLimit = 60 } = options
  const { stopSignal = 'SIGTERM', killMode = 'mixed', memoryMax } = options
  const program = programIn(start)
  const settings = [
    `KillSignal=${stopSignal}`,
    'PrivateTmp=yes',
    ...(memoryMax === undefined ? [] : [`MemoryMax=${memoryMax}`]),
  ]
  const unit = { app, layout, start: startLine(start), killMode, stopLimit, settings }

  return {
    ...supervised(kit, {
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
      program: { path: program, advice: 'See what the artifact holds, and what `service({ start })` names.' },
    }),

    environment: slot => environment(layout, slot),

    ...(migrate !== undefined && {
      migrate(release, slot) {
        const script = migration({ layout, release, slot, limit: migrateLimit, command: migrateScript(migrate) })
        return migrating(kit, { release, slot, limit: migrateLimit, script })
      },
    }),

    ...(console !== undefined && {
      console: slot => consoleLine({ layout, slot, command: consoleScript(console) }),
    }),
  }
}
