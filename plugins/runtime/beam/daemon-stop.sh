#!/bin/bash -eu
# Stops all processes that a release's own script started in a slot: SIGTERM, then SIGKILL after the limit. After SIGKILL it waits another 10 seconds.
#
# Parameters
#   started        path of the file that marks the slot as started
#   wait_for_exit  waits until the VM has exited, or sets `killed` to `yes`; then waits briefly for the other processes
# Needs the functions of daemon.sh.
#
# Prints: `running` or `stopped` (the state before), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) if a process is still running.

# Succeeds if no process is left. An exiting process loses its environment before it releases its port, so the processes found at first are checked too.
gone() {
  [ -z "$(ours)" ] || return 1
  for pid in $initial; do
    case "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" in ''|Z*) ;; *) return 1 ;; esac
  done
}
was=stopped killed=no
rm -f -- "$started"
initial=$(ours)
if [ -n "$initial" ]; then
  was=running
  kill -TERM $(vms) 2>/dev/null || kill -TERM $(ours) 2>/dev/null || true
  wait_for_exit
  kill -KILL $(ours) 2>/dev/null || true
  within 10 gone || exit "$stuck"
fi
printf '%s %s' $was $killed
