/** Runtime for any application that a command starts. systemd supervises that process of each slot, and others beside it. */
import { checked, fields, flag, optional } from '../../../runner/taskfile/shape.ts'
import type { Plugin, Runtime } from '../../../slots/contracts.ts'
import { socketServers } from '../unix-socket.ts'
import { type Command, commandRule } from './command.ts'
import { limitRules, type ProcessLimits, rolesOf } from './processes.ts'
import { type CommandsOfRelease, commandRules } from './release-commands.ts'
import { serviceRuntime, withDefaults } from './runtime.ts'

export interface ServiceOptions extends ProcessLimits, CommandsOfRelease {
  /**
   * The command that starts the application in the foreground, in the folder of its release and with the slot's environment: a bash command line or a
   * list of arguments. The application must listen on `PORT`: on loopback, or on `LISTEN_ADDRESS` if the router is on another host.
   *
   * @example 'gunicorn --bind 127.0.0.1:$PORT app:app'
   */
  readonly start: Command
  /**
   * The application listens on the unix socket that the variable `SOCKET` names, and not on `PORT`. nginx, which must be the router, passes to it what
   * reaches the slot's port on loopback. Every user of the host can connect, as to a port.
   *
   * @example service({ start: 'gunicorn --bind unix:$SOCKET app:app', socket: true })
   * @default false
   */
  readonly socket?: boolean
}

const OPTIONS = fields<ServiceOptions>({
  start: commandRule,
  socket: optional(flag),
  ...commandRules,
  ...limitRules,
})

export function service(options: ServiceOptions): Plugin<Runtime> {
  checked('service()', OPTIONS, options)
  const { socket = false } = options
  const settings = withDefaults(options)
  return {
    name: 'service',
    kind: 'runtime',
    ...(socket && { routers: ['nginx'] }),
    ...(options.prepare !== undefined && { prepares: true }),
    ...(options.user !== undefined && { user: options.user }),
    roles: rolesOf(options.processes ?? {}),
    settings: () => ({ ...settings, socket }),
    create: context =>
      serviceRuntime(context, settings, socket ? { servers: socketServers(context.app, context.slots) } : undefined),
  }
}
