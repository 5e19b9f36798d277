#!/bin/bash -eu
# Stops an adopted process: SIGTERM, and SIGKILL after the timeout. After SIGKILL it waits another 10 seconds.
#
# Parameters
#   pid         pid of the process
#   began       its start time, as `start_time` prints it
#   seconds     from SIGTERM to SIGKILL
#   start_time  prints the start time of a pid
#
# Prints: `running` or `stopped` (its state before), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) if the process survived SIGKILL.
was=stopped killed=no
# Fails for another process that has the pid now, and for a zombie, which has exited and only waits for its parent.
same() {
  case "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" in [ZX]*|'') return 1 ;; esac
  [ "$(start_time "$pid" 2>/dev/null)" = "$began" ]
}
if same; then
  was=running
  kill -TERM "$pid"
  end=$(( $(date +%s) + seconds ))
  while same; do
    now=$(date +%s)
    if [ "$now" -ge "$end" ]; then kill -KILL "$pid" || :; killed=yes; fi
    if [ "$now" -ge $(( end + 10 )) ]; then exit "$stuck"; fi
    sleep 0.05
  done
fi
printf '%s %s' "$was" "$killed"
