/** The part of a runtime that its supervisor determines: everything except environment, migrations, console and rpc. */
import { type Asked, capture, commandFailed, type Query } from '../../host/query.ts'
import { lastLines, type Output, type Script, sh } from '../../host/script.ts'
import type { LogFilter, LogPage, PluginContext, Release, Runtime, Slot } from '../../slots/contracts.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import { runtimeFaults as faults } from './faults.ts'
import { CUT_SHORT, NO_SCRIPT, OTHER_RELEASE, TIMED_OUT } from './scripts.ts'
import { ALREADY, MISSING, type Supervisor } from './supervisor.ts'

interface Supervised {
  readonly supervisor: Supervisor
  /** Seconds from the signal that stops a slot to SIGKILL. */
  readonly stopLimit: number
  readonly stopSignal: string
  /** Runs before the supervisor starts the slot. Exits with `NO_SCRIPT` or `OTHER_RELEASE` to prevent the start. */
  before(release: Release, slot: Slot): Script
  /** The program that `NO_SCRIPT` reports as missing, as a path inside the release, and the hint for that error. */
  readonly program: { readonly path: string | undefined; readonly advice: string }
}

type SupervisedMethods = Pick<Required<Runtime>, 'start' | 'stop' | 'process' | 'pid' | 'log' | 'logs' | 'provision'>

/** Exit codes of our own scripts; sudo is not the cause of these. */
const OWN_EXIT_CODES: readonly number[] = [ALREADY, NO_SCRIPT, OTHER_RELEASE]

export function supervised(
  context: PluginContext,
  { supervisor, stopLimit, stopSignal, before, program }: Supervised,
): SupervisedMethods {
  /** Checks first that the unit exists and that sudo allowed the script; only then does `read` interpret the exit code. */
  const query = <T>(script: Script, slot: Slot, read: Query<T>['read']): Query<T> => ({
    script,
    async read(output, host) {
      await assertSupervised(output, host, slot)
      return read(output, host)
    },
  })

  async function assertSupervised({ code }: Output, host: Asked, slot: Slot): Promise<void> {
    if (code === MISSING) throw faults.UNIT_MISSING({ host: host.name, unit: supervisor.unit(slot) })
    if (code === 0 || OWN_EXIT_CODES.includes(code)) return
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
        const output = lastLines(stderr)
        if (code !== 0 && isHostFailure(stderr))
          throw faults.START_PREVENTED({ slot: slot.name, host: host.name, output })
        if (code !== 0) throw faults.START_FAILED({ slot: slot.name, output })
      }),

    stop: slot =>
      query(supervisor.stop(slot), slot, ({ code, stdout, stderr }) => {
        if (code !== 0) throw faults.STOP_FAILED({ slot: slot.name, output: lastLines(stderr) })
        const [was, killed] = stdout.split(' ')
        if (killed === 'yes')
          context.log(`${slot.name} was killed: it did not exit within ${stopLimit} s after ${stopSignal}.`)
        return { was: was === 'running' ? 'running' : 'stopped', killed: killed === 'yes' }
      }),

    process: slot => capture(supervisor.process(slot), supervisor.parseProcess),

    pid: slot => supervisor.pid(slot),

    log: (slot, lines) => query(supervisor.log(slot), slot, ({ stdout }) => supervisor.parseLog(stdout, lines)),

    logs(slot, filter) {
      if (filter.since !== undefined && !supervisor.timed) throw faults.LOG_WITHOUT_TIMES({ slot: slot.name })
      return {
        page: pageOf(supervisor, slot, filter),
        follow: end => supervisor.follow(slot, filter, end),
      }
    },

    provision: facts => supervisor.provision(facts),
  }
}

const pageOf = (supervisor: Supervisor, slot: Slot, filter: LogFilter): Query<LogPage> => {
  const script = supervisor.page(slot, filter)
  return {
    script,
    async read(output, host) {
      if (output.code === 0) return supervisor.parsePage(output.stdout)
      const command = supervisor.reads(slot)
      const refusal = command && (await sudoRefusal(host, [command]))
      if (refusal) throw faults.LOG_DENIED({ host: host.name, slot: slot.name, refusal })
      throw commandFailed(host, script, output)
    },
  }
}

interface MigrationRun {
  readonly release: Release
  readonly slot: Slot
  /** The time limit in seconds that `script` enforces. */
  readonly limit: number
  /** Made by `migration()`. */
  readonly script: Script
}

/** Runs a migration. Resolves only when it has completed; see `migration()`. */
export const migrationQuery = (
  context: PluginContext,
  { release, slot, limit, script }: MigrationRun,
): Query<void> => ({
  script,
  onLine: context.log,
  read({ code, stdout }) {
    const details = { slot: slot.name, release: release.name, output: lastLines(stdout) }
    if (code === TIMED_OUT) throw faults.MIGRATION_TIMED_OUT({ ...details, limit })
    if (code === CUT_SHORT) throw faults.MIGRATION_CUT_SHORT(details)
    if (code !== 0) throw faults.MIGRATION_FAILED({ ...details, code })
  },
})

/** Whether the host, and not the release, prevented the start: disk full, out of memory, systemd not responding. */
const isHostFailure = (stderr: string): boolean =>
  /No space left on device|Disk quota exceeded|Read-only file system|Cannot allocate memory|Too many open files|unavailable resources|Failed to connect to bus/.test(
    stderr,
  )
