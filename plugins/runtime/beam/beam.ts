/** Elixir releases, one a slot: a process of systemd or of the release's own script, with migrations and a remote console. */
import { type Asked, capture, type Query } from '../../../host/query.ts'
import { lastLines, type Output, type Script, sh } from '../../../host/script.ts'
import { atLeast, call, checked, fields, oneOf, optional, text } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginKit, Runtime, Slot } from '../../../slots/contracts.ts'
import { sudoRefusal } from '../../../slots/sudo/refusal.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { ALREADY, MISSING } from '../supervisor.ts'
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

/** Exit codes of our own scripts that have another reason than sudo. */
const OWN: readonly number[] = [ALREADY, commands.NO_SCRIPT, commands.OTHER_RELEASE]

function create(kit: PluginKit, options: BeamOptions): Required<Runtime> {
  const { app, layout, slots } = kit
  const { release: name = app, stopLimit = 60, migrateLimit = 21_600 } = options
  const { migrate: expression = `${moduleName(app)}.Release.migrate()` } = options
  const ports = distributionPorts(slots, options.distributionPort)
  const supervisor =
    options.supervisor === 'daemon'
      ? daemon({ layout, release: name, stopLimit })
      : systemd({
          app,
          layout,
          slots,
          startable: slot => commands.startable(layout, slot, name),
          unitFile: facts => unitFile({ app, layout, release: name, stopLimit }, facts),
        })

  /** A script of the supervisor's; what its exit code means, when the host let it run, is for `read` to say. */
  const supervised = <T>(script: Script, slot: Slot, read: Query<T>['read']): Query<T> => ({
    script,
    async read(output, host) {
      await assertSupervised(output, host, slot)
      return read(output, host)
    },
  })

  async function assertSupervised({ code }: Output, host: Asked, slot: Slot): Promise<void> {
    if (code === MISSING) throw faults.UNIT_MISSING({ host: host.name, unit: supervisor.unit(slot) })
    if (code === 0 || OWN.includes(code)) return
    const refusal = await sudoRefusal(host, supervisor.provision({ user: '', group: '' }).sudo)
    if (refusal) throw faults.UNIT_SUDO_REFUSED({ host: host.name, unit: supervisor.unit(slot), refusal })
  }

  return {
    environment: slot => environment(app, layout, slot, ports(slot)),

    start(release, slot) {
      const startable = commands.assertStartable(layout, release, slot, name)
      const script = sh.lines(startable, commands.makeCookie, supervisor.start(slot))
      return supervised(script, slot, ({ code, stderr }, host) => {
        if (code === ALREADY) throw faults.SLOT_RUNS_ALREADY({ slot: slot.name })
        if (code === commands.NO_SCRIPT)
          throw faults.RELEASE_WITHOUT_SCRIPT({ release: release.name, script: `bin/${name}` })
        if (code === commands.OTHER_RELEASE)
          throw faults.SLOT_NAMES_OTHER_RELEASE({ slot: slot.name, release: release.name })
        const said = lastLines(stderr)
        if (code !== 0 && hostIsAtFault(stderr))
          throw faults.START_PREVENTED({ slot: slot.name, host: host.name, said })
        if (code !== 0) throw faults.START_FAILED({ slot: slot.name, said })
      })
    },

    stop: slot =>
      supervised(supervisor.stop(slot), slot, ({ code, stdout, stderr }) => {
        if (code !== 0) throw faults.STOP_FAILED({ slot: slot.name, said: lastLines(stderr) })
        const [was, killed] = stdout.split(' ')
        if (killed === 'yes') kit.log(`${slot.name} did not end within ${stopLimit} s of SIGTERM: it was killed.`)
        return { was: was === 'running' ? 'running' : 'stopped', killed: killed === 'yes' }
      }),

    process: slot => capture(supervisor.process(slot), supervisor.parseProcess),

    pid: slot => supervisor.pid(slot),

    log: (slot, lines) => supervised(supervisor.log(slot), slot, ({ stdout }) => supervisor.parseLog(stdout, lines)),

    migrate: (release, slot) => ({
      script: commands.evaluate({ layout, release, slot, name, expression, limit: migrateLimit }),
      onLine: kit.log,
      read({ code, stdout }) {
        const about = { slot: slot.name, release: release.name, output: lastLines(stdout) }
        if (code === commands.TIMED_OUT) throw faults.MIGRATION_TIMED_OUT({ ...about, limit: migrateLimit })
        if (code === commands.CUT_SHORT) throw faults.MIGRATION_CUT_SHORT(about)
        if (code !== 0) throw faults.MIGRATION_FAILED({ ...about, code })
      },
    }),

    console: slot => commands.remote(layout, slot, name),

    rpc: (slot, expression) => ({
      script: commands.rpc(layout, slot, name, expression),
      read({ code, stdout, stderr }) {
        if (code !== 0) throw faults.RPC_FAILED({ slot: slot.name, code, output: lastLines(stderr || stdout) })
        return stdout.replace(/\r?\n$/, '')
      },
    }),

    provision: facts => supervisor.provision(facts),
  }
}

/** Whether it was the host that could not start anything: no room, no memory, a systemd that does not answer. */
const hostIsAtFault = (said: string): boolean =>
  /No space left on device|Disk quota exceeded|Read-only file system|Cannot allocate memory|Too many open files|unavailable resources|Failed to connect to bus/.test(
    said,
  )
