#!/bin/bash -eu
# Stops all that a release's own script started in a slot: SIGTERM, and SIGKILL after the limit. What was killed has another 10 seconds to go.
#
# Parameters
#   started      the file that says that the slot was started
#   wait_for_it  waits until the VM has ended, or sets `killed` to `yes`; then for a moment, until all has
# Needs the functions of daemon.sh.
#
# Prints: `running` or `stopped` (what it was), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) when something is still there.

# Succeeds when nothing is left. A process that is ending loses its environment before it lets go of its port, so those are asked about as well that
# were there at first.
gone() {
  [ -z "$(ours)" ] || return 1
  for pid in $seen; do
    case "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" in ''|Z*) ;; *) return 1 ;; esac
  done
}
was=stopped killed=no
rm -f -- "$started"
seen=$(ours)
if [ -n "$seen" ]; then
  was=running
  kill -TERM $(vms) 2>/dev/null || kill -TERM $(ours) 2>/dev/null || true
  wait_for_it
  kill -KILL $(ours) 2>/dev/null || true
  within 10 gone || exit "$stuck"
fi
printf '%s %s' $was $killed
