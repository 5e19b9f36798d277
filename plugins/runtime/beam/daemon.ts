/**
 * Runs a slot on hosts without systemd, with the release's own `daemon` command. Its processes are identified by an environment variable, so a stale pid
 * file cannot point to a foreign process. Nothing restarts them after a crash or a reboot.
 */
import { posix } from 'node:path'
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Slot, SlotProcess } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { withEnvironment } from '../scripts.ts'
import type { Supervisor } from '../supervisor.ts'
import { withRepeatedSigterm } from './commands.ts'
import { parsePage, runErlFollow, runErlPage } from './run-erl-log.ts'

interface DaemonOptions {
  readonly layout: Layout
  /** Name of the release's program. */
  readonly release: string
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopLimit: number
}

/** Seconds to wait for the VM's process after the start. */
const START_TIMEOUT = 10
/** Seconds to wait, after the VM has exited, for its helper processes such as the log writer. */
const LOG_GRACE = 2

export function daemon({ layout, release, stopLimit }: DaemonOptions): Supervisor {
  const paths = (slot: Slot) => {
    const { dir, tmp, current } = layout.slot(slot.name)
    return { dir, tmp, current, started: posix.join(dir, 'started'), log: posix.join(tmp, 'log') }
  }
  const markOf = (slot: Slot) => `SWITCHYARD_DAEMON=${paths(slot).dir}`
  /** Shell functions: `ours` prints the pids of all processes of the slot, `vms` those of the Erlang VM; `within` waits for a condition. */
  const functions = (slot: Slot): Script =>
    program(new URL('./daemon.sh', import.meta.url), { parameters: { mark: markOf(slot) } })
  return {
    unit: slot => paths(slot).dir,
    start(slot) {
      const { log, started, current } = paths(slot)
      const parameters = {
        ...EXIT.process,
        log,
        started,
        environment: withEnvironment(layout, slot),
        mark: markOf(slot),
        current,
        command: `./bin/${release}`,
        patience: START_TIMEOUT,
      }
      return sh.lines(
        functions(slot),
        program(new URL('./daemon-start.sh', import.meta.url), { writes: true, parameters }),
      )
    },
    stop: slot => {
      const waiting = sh.read`if within ${stopLimit} '[ -z "$(vms)" ]'; then within ${LOG_GRACE} gone || true; else killed=yes; fi`
      const parameters = {
        started: paths(slot).started,
        waitForExit: withRepeatedSigterm(sh.read`$(vms)`, waiting),
        ...EXIT.process,
      }
      return sh.lines(
        functions(slot),
        program(new URL('./daemon-stop.sh', import.meta.url), { writes: true, parameters }),
      )
    },
    process: slot => sh.read`${functions(slot)}
pid=$(vms | head -n 1)
if [ -n "$pid" ]; then printf 'running %s %s' "$pid" "$(ps -o etimes= -p "$pid" || true)"
elif [ -e ${paths(slot).started} ]; then echo failed
else echo stopped; fi`,
    parseProcess,
    pid: slot => sh.read`${functions(slot)}
vms | head -n 1`,
    log: slot => sh.read`
cd ${paths(slot).log} 2>/dev/null || exit 0
ls -tr | while IFS= read -r name; do cat -- "$name"; done`,
    parseLog,
    page: (slot, filter) => runErlPage(paths(slot).log, filter),
    parsePage,
    follow: (slot, filter, end) => runErlFollow(paths(slot).log, filter, end),
    reads: () => undefined,
    timed: false,
    provision: () => ({ tools: { ps: 'procps', xargs: 'findutils' }, files: [], folders: [], sudo: [], apply: [] }),
  }
}

/** Parses `running PID SECONDS`, `failed` or `stopped`. */
export function parseProcess(text: string): SlotProcess {
  const [state, pid, uptime] = text.trim().split(/\s+/)
  if (state !== 'running') return { state: state === 'failed' ? 'failed' : 'stopped' }
  return { state, pid: Number(pid), ...(uptime ? { uptime: Number(uptime) } : {}) }
}

/** Parses the log of run_erl(1): removes carriage returns and run_erl's own lines, which start with `=====`. */
export const parseLog = (text: string, lines: number): string =>
  text
    .replaceAll('\r', '')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('====='))
    .slice(-lines)
    .join('\n')
