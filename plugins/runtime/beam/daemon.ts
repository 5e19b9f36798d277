/**
 * A slot without a supervisor, for hosts without systemd: the release's own `daemon` command. Its processes are known by a
 * variable in their environment, so no pid file can name a stranger. They do not come back by themselves.
 */
import { posix } from 'node:path'
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { Slot, SlotProcess } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { withEnvironment } from '../scripts.ts'
import { ALREADY, type Supervisor } from '../supervisor.ts'
import { insisting } from './commands.ts'

interface DaemonOptions {
  readonly layout: Layout
  /** Name of the release's program. */
  readonly release: string
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopLimit: number
}

/** Seconds that the script may take to become a process. */
const PATIENCE = 10
/** Seconds that what belongs to a VM has to end after it, such as what writes its log. */
const GRACE = 2

export function daemon({ layout, release, stopLimit }: DaemonOptions): Supervisor {
  const at = (slot: Slot) => {
    const { dir, tmp, current } = layout.slot(slot.name)
    return { dir, tmp, current, started: posix.join(dir, 'started'), log: posix.join(tmp, 'log') }
  }
  /** `ours` prints the pids of all that was started in the slot, `vms` those of the Erlang VM; `within` waits for a condition. */
  const functions = (slot: Slot): Script =>
    program(new URL('./daemon.sh', import.meta.url), { parameters: { mark: `SWITCHYARD_DAEMON=${at(slot).dir}` } })
  return {
    unit: slot => at(slot).dir,
    start: slot => sh.write`${functions(slot)}
if [ -n "$(ours)" ]; then exit ${ALREADY}; fi
rm -rf -- ${at(slot).log}
: > ${at(slot).started}
said=$(mktemp)
trap '[ $? = 0 ] || cat "$said" >&2; rm -f -- "$said"' EXIT
(
${withEnvironment(layout, slot)}
export SWITCHYARD_DAEMON=${at(slot).dir}
cd ${at(slot).current}
exec ./bin/${release} daemon < /dev/null > "$said" 2>&1
)
within ${PATIENCE} '[ -n "$(vms)" ]' || true`,
    stop: slot => {
      const ending = sh.read`if within ${stopLimit} '[ -z "$(vms)" ]'; then within ${GRACE} gone || true; else killed=yes; fi`
      const parameters = { started: at(slot).started, waitForIt: insisting(sh.read`$(vms)`, ending), ...EXIT.process }
      return sh.lines(
        functions(slot),
        program(new URL('./daemon-stop.sh', import.meta.url), { writes: true, parameters }),
      )
    },
    process: slot => sh.read`${functions(slot)}
pid=$(vms | head -n 1)
if [ -n "$pid" ]; then printf 'running %s %s' "$pid" "$(ps -o etimes= -p "$pid" || true)"
elif [ -e ${at(slot).started} ]; then echo failed
else echo stopped; fi`,
    parseProcess,
    pid: slot => sh.read`${functions(slot)}
vms | head -n 1`,
    log: slot => sh.read`
cd ${at(slot).log} 2>/dev/null || exit 0
ls -tr | while IFS= read -r name; do cat -- "$name"; done`,
    parseLog,
    provision: () => ({ tools: { ps: 'procps', xargs: 'findutils' }, files: [], folders: [], sudo: [], apply: [] }),
  }
}

/** Reads `running PID SECONDS`, `failed` or `stopped`. */
export function parseProcess(text: string): SlotProcess {
  const [state, pid, uptime] = text.trim().split(/\s+/)
  if (state !== 'running') return { state: state === 'failed' ? 'failed' : 'stopped' }
  return { state, pid: Number(pid), ...(uptime ? { uptime: Number(uptime) } : {}) }
}

/** Reads the log of run_erl(1): a terminal's line ends, and its own lines, which begin with `=====`. */
export const parseLog = (text: string, lines: number): string =>
  text
    .replaceAll('\r', '')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('====='))
    .slice(-lines)
    .join('\n')
