#!/bin/bash -eu
# Ends an adopted process: SIGTERM, and SIGKILL after the limit. What was killed has another 10 seconds to go.
#
# Parameters
#   pid         of the process
#   began       its start time, as `start_time` prints it
#   seconds     from SIGTERM to SIGKILL
#   start_time  prints the start time of a pid
#
# Prints: `running` or `stopped` (what it was), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) when even the kill has not ended it.
was=stopped killed=no
# Another process that got its pid is left alone, and so is a zombie, which nobody has asked about yet.
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
