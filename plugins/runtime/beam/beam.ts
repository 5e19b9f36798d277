/** Elixir releases, one a slot: a process of systemd or of the release's own script, with migrations and a remote console. */
import { lastLines, sh } from '../../../host/script.ts'
import { atLeast, call, checked, fields, oneOf, optional, text } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Runtime, Slot } from '../../../slots/contracts.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { assertStartable, startable } from '../scripts.ts'
import { migrating, supervised } from '../supervised.ts'
import { systemd } from '../systemd.ts'
import * as commands from './commands.ts'
import { daemon } from './daemon.ts'
import { distributionPorts, environment, moduleName, unitFile } from './files.ts'

export interface BeamOptions {
  /** Name of the release in mix.exs; the application's name unless told. */
  readonly release?: string
  /** `daemon` is for hosts without systemd: a slot then stays down after a crash or a reboot. */
  readonly supervisor?: 'systemd' | 'daemon'
  /** The expression that runs the migrations; `MyApp.Release.migrate()` unless told. */
  readonly migrate?: string
  /** Seconds that the migrations may take, then they are ended; 6 hours (21600) unless told. */
  readonly migrateLimit?: number
  /** Seconds that a slot has from SIGTERM to SIGKILL; 60 unless told. */
  readonly stopLimit?: number
  /** The port, on loopback, for `console` and `rpc`; 10000 above the slot's own unless told. There is no epmd. */
  readonly distributionPort?: (slot: Slot) => number
}

const OPTIONS = fields<BeamOptions>({
  release: optional(text),
  supervisor: optional(oneOf('systemd', 'daemon')),
  migrate: optional(text),
  migrateLimit: optional(atLeast(1, 'seconds')),
  stopLimit: optional(atLeast(1, 'seconds')),
  distributionPort: optional(call('a function that returns the port of a slot, such as `slot => slot.port + 10000`')),
})

export function beam(options: BeamOptions = {}): Plugin<Required<Runtime>> {
  checked('beam()', OPTIONS, options)
  return { name: 'beam', kind: 'runtime', create: kit => create(kit, options) }
}

function create(kit: PluginContext, options: BeamOptions): Required<Runtime> {
  const { app, layout, slots } = kit
  const { release: name = app, stopLimit = 60, migrateLimit = 21_600 } = options
  const { migrate: expression = `${moduleName(app)}.Release.migrate()` } = options
  const program = `bin/${name}`
  const ports = distributionPorts(slots, options.distributionPort)
  const supervisor =
    options.supervisor === 'daemon'
      ? daemon({ layout, release: name, stopLimit })
      : systemd({
          app,
          layout,
          slots,
          startable: slot => startable(layout, slot, program),
          unitFile: facts => unitFile({ app, layout, release: name, stopLimit }, facts),
          stopping: commands.insisting,
        })

  return {
    ...supervised(kit, {
      supervisor,
      stopLimit,
      stopSignal: 'SIGTERM',
      before: (release, slot) => sh.lines(assertStartable(layout, release, slot, program), commands.makeCookie),
      program: {
        path: program,
        advice: 'Build it with `mix release`, or tell `beam({ release })` the name that mix.exs gives it.',
      },
    }),

    environment: slot => environment(app, layout, slot, ports(slot)),

    migrate(release, slot) {
      const script = commands.evaluate({ layout, release, slot, name, expression, limit: migrateLimit })
      return migrating(kit, { release, slot, limit: migrateLimit, script })
    },

    console: slot => commands.remote(layout, slot, name),

    rpc: (slot, expression) => ({
      script: commands.rpc(layout, slot, name, expression),
      read({ code, stdout, stderr }) {
        if (code !== 0) throw faults.RPC_FAILED({ slot: slot.name, code, output: lastLines(stderr || stdout) })
        return stdout.replace(/\r?\n$/, '')
      },
    }),
  }
}
