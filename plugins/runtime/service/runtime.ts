/** The runtime of a command that systemd supervises, on its port or on a unix socket behind nginx. */
import { type Script, sh } from '../../../host/script.ts'
import type { PluginContext, Provision, Release, Runtime, Slot } from '../../../slots/contracts.ts'
import { WEB_ROLE } from '../../../slots/fleet/role-route.ts'
import { hooksOf } from '../hooks.ts'
import { NGINX_UNIT } from '../nginx-slots.ts'
import { enabledLink } from '../other-units.ts'
import { assertReadable, assertStartable, consoleCommand, execScript, migration, startable } from '../scripts.ts'
import { migrationQuery, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import { unitText } from '../unit.ts'
import { OPEN_SOCKET, socketPath, socketSettings } from '../unix-socket.ts'
import { type Command, environment, execStart, migrateScript, oneCommand, programIn } from './command.ts'
import { commandUnit, type ProcessLimits, processesOf, type ServiceUnit, settingsOf } from './processes.ts'
import type { CommandsOfRelease } from './release-commands.ts'

/** What an application on a unix socket has in addition. */
interface Behind {
  /** nginx's server blocks for the slots. */
  readonly servers: Provision
  /** Additional lines for the section `[Service]` of the unit. */
  readonly settings?: readonly string[]
  /** Runs before systemd starts the slot. */
  before?(release: Release, slot: Slot): Script
}

type Options = CommandsOfRelease & ProcessLimits & { readonly start: Command }
type Defaulted = 'migrateLimit' | 'prepareLimit' | 'hookLimit' | 'stopSignal' | 'stopLimit' | 'killMode'

export const withDefaults = <T extends Options>(options: T): T & Required<Pick<Options, Defaulted>> => ({
  ...options,
  migrateLimit: options.migrateLimit ?? 21_600,
  prepareLimit: options.prepareLimit ?? 1_800,
  hookLimit: options.hookLimit ?? 30,
  stopSignal: options.stopSignal ?? 'SIGTERM',
  stopLimit: options.stopLimit ?? 60,
  killMode: options.killMode ?? 'mixed',
})

export function serviceRuntime(
  context: PluginContext,
  options: ReturnType<typeof withDefaults>,
  socket?: Behind,
): Runtime {
  const { app, layout, slots, role = WEB_ROLE } = context
  const { start, migrate, console, migrateLimit, stopSignal, stopLimit, killMode, demote } = options
  const serves = role === WEB_ROLE
  // A host without the application has no server in front of it.
  const behind = serves ? socket : undefined
  const program = serves ? programIn(start) : undefined
  const processes = processesOf(context, options.processes ?? {}, commandUnit(context))
  const programs = [program, ...processes.map(process => process.program)].filter(path => path !== undefined)
  const unit = {
    ...{ app, layout, killMode, stopLimit },
    start: execStart(start, behind && OPEN_SOCKET),
    settings: [...settingsOf(options), ...(behind ? [...socketSettings(app), ...(behind.settings ?? [])] : [])],
  }

  const supervisor = systemd({
    app,
    layout,
    slots,
    processes,
    startable: slot => startableAll(context, slot, program, processes),
    unitFile: serves ? facts => unitText(unit, facts) : undefined,
  })
  const hook = (command: Command | undefined) => (command === undefined ? undefined : () => oneCommand(command))

  const { provision, ...methods } = supervised(context, {
    supervisor,
    stopLimit,
    stopSignal,
    others: Object.fromEntries(processes.map(process => [process.name, process])),
    before: (release, slot) =>
      sh.lines(
        assertStartable(layout, release, slot, ...programs),
        assertReadable(layout, release),
        behind?.before?.(release, slot) ?? sh.read``,
      ),
    advice: 'Compare the files in the artifact with the commands in `service({ start, processes })`.',
  })

  return {
    ...methods,

    provision: facts => (behind ? together(provision(facts), behind.servers) : provision(facts)),

    ...(behind && { server: NGINX_UNIT }),

    ...(!serves && { serves }),

    ...(demote !== undefined && { demotes: demote }),

    ...hooksOf(context, {
      pid: supervisor.pid,
      limit: options.hookLimit,
      commands: { promoted: hook(options.promoted), demoted: hook(options.demoted) },
    }),

    environment: slot => ({
      ...environment(layout, slot),
      ...(behind && { SOCKET: socketPath(app, slot.name) }),
    }),

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
      console: slot => consoleCommand({ layout, slot, command: oneCommand(console) }),
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
            sh.read`if [ -L ${enabledLink(app, process, slot)} ]; then
(${startable(layout, slot, process.program)})
fi`,
          ],
    ),
    program === undefined ? sh.read`true` : startable(layout, slot, program),
  )

/** The units of an application and nginx's server blocks for it. */
const together = (units: Provision, servers: Provision): Provision => ({
  ...units,
  ...servers,
  tools: { ...units.tools, ...servers.tools },
  files: [...units.files, ...servers.files],
  folders: [...units.folders, ...servers.folders],
  sudo: [...units.sudo, ...servers.sudo],
  apply: [...units.apply, ...servers.apply],
  unapply: [...(units.unapply ?? units.apply), ...(servers.unapply ?? servers.apply)],
})
