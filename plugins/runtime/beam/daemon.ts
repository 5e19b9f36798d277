/**
 * A slot without a supervisor, for hosts without systemd: the release's own `daemon` command. Its processes are known by a
 * variable in their environment, so no pid file can name a stranger. They do not come back by themselves.
 */
import { posix } from 'node:path'
import { type Script, sh } from '../../../host/script.ts'
import type { Slot, SlotProcess } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { ALREADY, insisting, STUCK, type Supervisor } from '../supervisor.ts'
import { withEnvironment } from './commands.ts'

interface DaemonOptions {
  readonly layout: Layout
  /** Name of the release's program. */
  readonly release: string
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopLimit: number
}

/** Seconds that the script may take to become a process, and that killed processes may take to go. */
const PATIENCE = 10
/** Seconds that what belongs to a VM has to end after it, such as what writes its log. */
const GRACE = 2

export function daemon({ layout, release, stopLimit }: DaemonOptions): Supervisor {
  const at = (slot: Slot) => {
    const { dir, tmp, current } = layout.slot(slot.name)
    return { dir, tmp, current, started: posix.join(dir, 'started'), log: posix.join(tmp, 'log') }
  }
  /**
   * Functions of the script: `ours` prints the pids of all that was started here, `vms` those of the Erlang VM. A process
   * that is ending loses its environment before it lets go of its port, so `gone` looks at `$seen` as well. The list of processes is as long as
   * it is, which one command may not take: 123 says that a `grep` of several found nothing, or that a process was gone by then.
   */
  const functions = (slot: Slot): Script => sh.read`
ours() {
  { printf '%s\\0' /proc/[0-9]*/environ | xargs -0 grep -slzxF -- ${`SWITCHYARD_DAEMON=${at(slot).dir}`} || [ $? = 123 ]; } | cut -d/ -f3
}
gone() {
  [ -z "$(ours)" ] || return 1
  for pid in $seen; do
    case "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" in ''|Z*) ;; *) return 1 ;; esac
  done
}
vms() { for pid in $(ours); do case "$(readlink "/proc/$pid/exe")" in */beam.smp) echo "$pid" ;; esac; done; }
within() {
  end=$(( $(date +%s) + $1 ))
  until eval "$2"; do
    if [ "$(date +%s)" -ge $end ]; then return 1; fi
    sleep 0.1
  done
}`
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
    stop: slot => sh.write`${functions(slot)}
was=stopped killed=no
rm -f -- ${at(slot).started}
seen=$(ours)
if [ -n "$seen" ]; then
  was=running
  kill -TERM $(vms) 2>/dev/null || kill -TERM $(ours) 2>/dev/null || true
  ${insisting(sh.read`$(vms)`, sh.read`if within ${stopLimit} '[ -z "$(vms)" ]'; then within ${GRACE} gone || true; else killed=yes; fi`)}
  kill -KILL $(ours) 2>/dev/null || true
  within ${PATIENCE} gone || exit ${STUCK}
fi
printf '%s %s' $was $killed`,
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
