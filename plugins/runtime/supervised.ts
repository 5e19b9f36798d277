/** The part of a runtime that its supervisor determines: everything except environment, preparation, migrations, hooks, console and rpc. */
import { type Asked, capture, commandFailed, type Query } from '../../host/query.ts'
import { type Output, type Script, sh } from '../../host/script.ts'
import { lastLines } from '../../runner/units.ts'
import type { LogFilter, LogPage, PluginContext, Release, Runtime, Slot, Stopped } from '../../slots/contracts.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import { runtimeFaults as faults } from './faults.ts'
import { CUT_SHORT, FORBIDDEN, NO_SCRIPT, OTHER_RELEASE, TIMED_OUT } from './scripts.ts'
import { ALREADY, ENDED, MISSING, type Supervisor } from './supervisor.ts'

interface Supervised {
  readonly supervisor: Supervisor
  /** Seconds from the signal that stops a slot to SIGKILL. */
  readonly stopLimit: number
  readonly stopSignal: string
  /** Runs before the supervisor starts the slot. Exits with `NO_SCRIPT` or `OTHER_RELEASE` to prevent the start. */
  before(release: Release, slot: Slot): Script
  /** The hint for a program that `NO_SCRIPT` reports as missing. */
  readonly advice: string
  /** Seconds to SIGKILL and the signal of each process beside the one that serves requests, by its name. */
  readonly others?: Readonly<Record<string, { readonly stopLimit: number; readonly stopSignal: string }>>
}

type SupervisedMethods = Pick<Required<Runtime>, 'logs'> &
  Pick<Runtime, 'start' | 'stop' | 'process' | 'pid' | 'log' | 'provision' | 'complete' | 'promoted' | 'demoted'>

/** Exit codes of our own scripts; sudo is not the cause of these. */
const OWN_EXIT_CODES: readonly number[] = [ALREADY, ENDED, NO_SCRIPT, OTHER_RELEASE, FORBIDDEN]
/** Lines of a slot's log to look for those of one process. */
const LOG_LINES = 500

export function supervised(
  context: PluginContext,
  { supervisor, stopLimit, stopSignal, before, advice, others: limits = {} }: Supervised,
): SupervisedMethods {
  const { others } = supervisor
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

  const log = (slot: Slot, lines: number): Query<string> =>
    query(supervisor.log(slot), slot, ({ stdout }) => supervisor.parseLog(stdout, lines))

  /** Starts other processes of a slot, or waits until they run. */
  const running = (script: Script, slot: Slot): Query<void> =>
    query(script, slot, async ({ code, stdout, stderr }, host) => {
      if (code === 0) return
      const process = lastLines(stdout, 1)
      const output = code === ENDED ? linesOf(process, await host.query(log(slot, LOG_LINES))) : lastLines(stderr)
      throw faults.PROCESS_FAILED({ slot: slot.name, process, output })
    })

  /** Logs which processes of a slot were killed, from the output of `Supervisor.stop`. */
  function stopped(slot: Slot, stdout: string): Stopped {
    const [was, killed, ...names] = stdout.trim().split(' ')
    for (const name of killed === 'yes' && names.length === 0 ? [''] : names) {
      const own = limits[name]
      const limit = own ?? { stopLimit, stopSignal }
      context.log(
        `${own ? `${name} of ${slot.name}` : slot.name} was killed: it did not exit within ${limit.stopLimit} s after ${limit.stopSignal}.`,
      )
    }
    return { was: was === 'running' ? 'running' : 'stopped', killed: killed === 'yes' }
  }

  return {
    start: (release, slot) =>
      query(sh.lines(before(release, slot), supervisor.start(slot)), slot, ({ code, stdout, stderr }, host) => {
        if (code === ALREADY) throw faults.SLOT_RUNS_ALREADY({ slot: slot.name })
        if (code === NO_SCRIPT)
          throw faults.RELEASE_WITHOUT_SCRIPT({ release: release.name, script: stdout.trim(), advice })
        if (code === FORBIDDEN)
          throw faults.RELEASE_UNREADABLE({
            release: release.name,
            path: stdout.trim(),
            user: context.layout.user ?? '',
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
        return stopped(slot, stdout)
      }),

    process: slot => capture(supervisor.process(slot), supervisor.parseProcess),

    pid: slot => supervisor.pid(slot),

    log,

    ...(others && {
      complete: slot => running(others.complete(slot), slot),
      promoted: slot => running(others.promoted(slot), slot),
      demoted: (slot, next) =>
        query(others.demoted(slot, next), slot, ({ code, stdout, stderr }) => {
          if (code !== 0) throw faults.PROCESS_STUCK({ slot: slot.name, output: lastLines(stderr) })
          stopped(slot, stdout)
        }),
    }),

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

/** The last lines of a slot's log that are by one of its other processes, or by systemd about it. */
const linesOf = (process: string, log: string): string =>
  lastLines(
    log
      .split('\n')
      .filter(line => line.startsWith(`${process}: `) || line.split('@')[0]?.endsWith(`-${process}`))
      .join('\n'),
  )

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

/** Whether the host, and not the release, prevented the start: disk full, out of memory, systemd or the engine not responding. */
const isHostFailure = (stderr: string): boolean =>
  /No space left on device|Disk quota exceeded|Read-only file system|Cannot allocate memory|Too many open files|unavailable resources|Failed to connect to bus|connect to the Docker daemon/.test(
    stderr,
  )
