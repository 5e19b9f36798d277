/** What a runtime is when a supervisor keeps its processes: all but the environment, migrations, console and rpc. */
import { type Asked, capture, type Query } from '../../host/query.ts'
import { lastLines, type Output, type Script, sh } from '../../host/script.ts'
import type { PluginContext, Release, Runtime, Slot } from '../../slots/contracts.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import { runtimeFaults as faults } from './faults.ts'
import { CUT_SHORT, NO_SCRIPT, OTHER_RELEASE, TIMED_OUT } from './scripts.ts'
import { ALREADY, MISSING, type Supervisor } from './supervisor.ts'

interface Supervised {
  readonly supervisor: Supervisor
  /** Seconds from the signal that stops a slot to SIGKILL. */
  readonly stopLimit: number
  readonly stopSignal: string
  /** Runs before the supervisor starts the slot, and exits with `NO_SCRIPT` or `OTHER_RELEASE`. */
  before(release: Release, slot: Slot): Script
  /** The program that `NO_SCRIPT` is about, a path inside the release, and what to do about that. */
  readonly program: { readonly path: string | undefined; readonly advice: string }
}

type Kept = Pick<Runtime, 'start' | 'stop' | 'process' | 'pid' | 'log' | 'provision'>

/** Exit codes of our own scripts that have another reason than sudo. */
const OWN: readonly number[] = [ALREADY, NO_SCRIPT, OTHER_RELEASE]

export function supervised(
  kit: PluginContext,
  { supervisor, stopLimit, stopSignal, before, program }: Supervised,
): Kept {
  /** A script of the supervisor's; what its exit code means, when the host let it run, is for `read` to say. */
  const query = <T>(script: Script, slot: Slot, read: Query<T>['read']): Query<T> => ({
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
    start: (release, slot) =>
      query(sh.lines(before(release, slot), supervisor.start(slot)), slot, ({ code, stderr }, host) => {
        if (code === ALREADY) throw faults.SLOT_RUNS_ALREADY({ slot: slot.name })
        if (code === NO_SCRIPT)
          throw faults.RELEASE_WITHOUT_SCRIPT({
            release: release.name,
            script: program.path ?? '',
            advice: program.advice,
          })
        if (code === OTHER_RELEASE) throw faults.SLOT_NAMES_OTHER_RELEASE({ slot: slot.name, release: release.name })
        const said = lastLines(stderr)
        if (code !== 0 && hostIsAtFault(stderr))
          throw faults.START_PREVENTED({ slot: slot.name, host: host.name, said })
        if (code !== 0) throw faults.START_FAILED({ slot: slot.name, said })
      }),

    stop: slot =>
      query(supervisor.stop(slot), slot, ({ code, stdout, stderr }) => {
        if (code !== 0) throw faults.STOP_FAILED({ slot: slot.name, said: lastLines(stderr) })
        const [was, killed] = stdout.split(' ')
        if (killed === 'yes') kit.log(`${slot.name} did not end within ${stopLimit} s of ${stopSignal}: it was killed.`)
        return { was: was === 'running' ? 'running' : 'stopped', killed: killed === 'yes' }
      }),

    process: slot => capture(supervisor.process(slot), supervisor.parseProcess),

    pid: slot => supervisor.pid(slot),

    log: (slot, lines) => query(supervisor.log(slot), slot, ({ stdout }) => supervisor.parseLog(stdout, lines)),

    provision: facts => supervisor.provision(facts),
  }
}

interface Migrating {
  readonly release: Release
  readonly slot: Slot
  /** Seconds that `script` gives it. */
  readonly limit: number
  /** A `migration`. */
  readonly script: Script
}

/** A migration as a query: it resolves when that came to its own end. */
export const migrating = (kit: PluginContext, { release, slot, limit, script }: Migrating): Query<void> => ({
  script,
  onLine: kit.log,
  read({ code, stdout }) {
    const about = { slot: slot.name, release: release.name, output: lastLines(stdout) }
    if (code === TIMED_OUT) throw faults.MIGRATION_TIMED_OUT({ ...about, limit })
    if (code === CUT_SHORT) throw faults.MIGRATION_CUT_SHORT(about)
    if (code !== 0) throw faults.MIGRATION_FAILED({ ...about, code })
  },
})

/** Whether it was the host that could not start anything: no room, no memory, a systemd that does not answer. */
const hostIsAtFault = (said: string): boolean =>
  /No space left on device|Disk quota exceeded|Read-only file system|Cannot allocate memory|Too many open files|unavailable resources|Failed to connect to bus/.test(
    said,
  )
