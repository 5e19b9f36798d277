/** Runtime for Elixir releases: one process per slot, run by systemd or by the release's own script, with migrations and a remote console. */
import { sh } from '../../../host/script.ts'
import { atLeast, call, checked, fields, flag, oneOf, optional, text } from '../../../runner/taskfile/shape.ts'
import { lastLines } from '../../../runner/units.ts'
import type { Plugin, PluginContext, Runtime, Slot } from '../../../slots/contracts.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { hooksOf } from '../hooks.ts'
import { assertStartable, execScript, startable } from '../scripts.ts'
import { migrationQuery, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import * as commands from './commands.ts'
import { daemon } from './daemon.ts'
import { environment, moduleName, unitFile } from './files.ts'
import { CLIENT, nodesOf } from './nodes.ts'
import { readiness } from './ready.ts'

export interface BeamOptions {
  /**
   * Name of the release in mix.exs.
   *
   * @default the application's name
   */
  readonly release?: string
  /**
   * `daemon` is for hosts without systemd: a slot then stays down after a crash or a reboot.
   *
   * @default 'systemd'
   */
  readonly supervisor?: 'systemd' | 'daemon'
  /**
   * The Elixir expression that runs the migrations.
   *
   * @default 'MyApp.Release.migrate()', with the application's name
   */
  readonly migrate?: string
  /**
   * Time limit of the migrations in seconds; after it they are terminated.
   *
   * @default 21600
   */
  readonly migrateLimit?: number
  /**
   * The Elixir expression that tells the running application that its slot has become live, for example to resume its queues. It is evaluated when the
   * traffic has verifiably moved; also after a rollback, and again in a `repair`. If it fails, that is reported and written to the journal, and the switch
   * stands.
   *
   * @example 'Oban.resume_all_queues(local_only: true)'
   */
  readonly promoted?: string
  /**
   * The same for the slot that was live before. It runs before `promoted` of the other slot. A slot that starts, also after a reboot, is told nothing.
   *
   * @example 'Oban.pause_all_queues(local_only: true)'
   */
  readonly demoted?: string
  /**
   * Time limit of `promoted` and of `demoted` in seconds; after it the client that asked for the evaluation is ended.
   *
   * @default 30
   */
  readonly hookLimit?: number
  /**
   * The Elixir expression that completes the health check: evaluated in the running application once the health path answers, in a deploy, in `check-idle`
   * and before a promote or a rollback, again and again until it is `true`. If it raises or exits, the slot is not healthy at once.
   *
   * @example 'MyApp.ready?()'
   */
  readonly ready?: string
  /**
   * Time limit of `ready` in seconds; then its last value is reported. An evaluation that still runs is ended.
   *
   * @default 60
   */
  readonly readyLimit?: number
  /**
   * Connects the Erlang nodes of the two slots, from the start of one until the other one is retired: a message of Phoenix.PubSub or `:pg` reaches the
   * clients of both. The nodes then share the distribution port of the first slot by name, and have the addresses 127.0.0.1 and 127.0.0.2. The two versions
   * must understand each other's messages.
   *
   * @default false
   */
  readonly cluster?: boolean
  /**
   * Seconds from SIGTERM to SIGKILL when a slot is stopped.
   *
   * @default 60
   */
  readonly stopLimit?: number
  /**
   * The Erlang distribution port on loopback, for `console` and `rpc`. No epmd is used.
   *
   * @default slot => slot.port + 10_000
   */
  readonly distributionPort?: (slot: Slot) => number
}

const OPTIONS = fields<BeamOptions>({
  release: optional(text),
  supervisor: optional(oneOf('systemd', 'daemon')),
  migrate: optional(text),
  migrateLimit: optional(atLeast(1, 'seconds')),
  promoted: optional(text),
  demoted: optional(text),
  hookLimit: optional(atLeast(1, 'seconds')),
  ready: optional(text),
  readyLimit: optional(atLeast(1, 'seconds')),
  cluster: optional(flag),
  stopLimit: optional(atLeast(1, 'seconds')),
  distributionPort: optional(call('a function that returns the port of a slot, such as `slot => slot.port + 10000`')),
})

/** A runtime that can migrate, open a console and evaluate expressions. */
type BeamRuntime = Runtime & Required<Pick<Runtime, 'migrate' | 'console' | 'rpc' | 'exec' | 'logs'>>

export function beam(options: BeamOptions = {}): Plugin<BeamRuntime> {
  checked('beam()', OPTIONS, options)
  return {
    name: 'beam',
    kind: 'runtime',
    settings({ app, slots }) {
      const { node, ...settings } = withDefaults(app, slots, options)
      return { ...settings, distributionPort: Object.fromEntries(slots.map(slot => [slot.name, node(slot).port])) }
    },
    create: context => create(context, options),
  }
}

const withDefaults = (app: string, slots: readonly Slot[], options: BeamOptions) => ({
  release: options.release ?? app,
  supervisor: options.supervisor ?? 'systemd',
  migrate: options.migrate ?? `${moduleName(app)}.Release.migrate()`,
  migrateLimit: options.migrateLimit ?? 21_600,
  promoted: options.promoted,
  demoted: options.demoted,
  hookLimit: options.hookLimit ?? 30,
  ready: options.ready,
  readyLimit: options.readyLimit ?? 60,
  cluster: options.cluster ?? false,
  stopLimit: options.stopLimit ?? 60,
  node: nodesOf(app, slots, { cluster: options.cluster ?? false, distributionPort: options.distributionPort }),
})

function create(context: PluginContext, options: BeamOptions): BeamRuntime {
  const { app, layout, slots } = context
  const { release: name, migrate: expression, ...settings } = withDefaults(app, slots, options)
  const { migrateLimit, stopLimit, node } = settings
  const program = `bin/${name}`
  const hook = (expression: string | undefined) =>
    expression === undefined ? undefined : () => commands.rpcCommand(name, expression)
  const supervisor =
    settings.supervisor === 'daemon'
      ? daemon({ layout, release: name, stopLimit })
      : systemd({
          app,
          layout,
          slots,
          startable: slot => startable(layout, slot, program),
          unitFile: facts => unitFile({ app, layout, release: name, stopLimit }, facts),
          wrapStop: commands.withRepeatedSigterm,
        })

  return {
    ...supervised(context, {
      supervisor,
      stopLimit,
      stopSignal: 'SIGTERM',
      before: (release, slot) => sh.lines(assertStartable(layout, release, slot, program), commands.makeCookie),
      advice:
        'Build the artifact with `mix release`, or set `beam({ release })` to the name of the release in mix.exs.',
    }),

    ...hooksOf(context, {
      pid: supervisor.pid,
      limit: settings.hookLimit,
      before: CLIENT,
      commands: { promoted: hook(settings.promoted), demoted: hook(settings.demoted) },
    }),

    ...readiness(context, {
      name,
      node,
      ready: settings.ready,
      limit: settings.readyLimit,
      pid: supervisor.pid,
    }),

    environment: slot => environment(layout, slot, node(slot)),

    migrate(release, slot) {
      const script = commands.evaluate({ layout, release, slot, name, expression, limit: migrateLimit })
      return migrationQuery(context, { release, slot, limit: migrateLimit, script })
    },

    exec: (slot, command) => execScript({ layout, slot, command, before: CLIENT }),

    console: slot => commands.remoteConsole(layout, slot, name),

    rpc: (slot, expression) => ({
      script: commands.rpc(layout, slot, name, expression),
      read({ code, stdout, stderr }) {
        if (code !== 0) throw faults.RPC_FAILED({ slot: slot.name, code, output: lastLines(stderr || stdout) })
        return stdout.replace(/\r?\n$/, '')
      },
    }),
  }
}
