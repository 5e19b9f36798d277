#!/bin/bash -eu
# Stops units of a slot: first the timers, which start others, then the rest at once.
#
# Parameters
#   folder                       the folder of the template units; a unit without one is not running
#   units                        the units
#   names                        the names of their processes, in the same order
#   disable, stop, reset_failed  functions that run systemctl for the unit `$1`; `stop` waits until the unit has stopped
#
# Prints: `running` or `stopped` (the state before), then `yes` and the names of the processes that were killed, or `no`.
# Exit codes: `stuck` (EXIT.process) if a unit or its process is still running.
show() { systemctl show --property="$1" "$2" --value; }
was=stopped pids=() killed=()
for i in "${!units[@]}"; do
  unit=${units[i]}
  if ! [ -f "$folder/${unit%@*}@.${unit##*.}" ]; then unset "units[i]"; continue; fi
  pids[i]=$(show MainPID "$unit")
  case "$(show ActiveState "$unit")" in inactive|failed) names[i]='' ;; *) was=running ;; esac
  disable "$unit"
done
for unit in "${units[@]}"; do case $unit in *.timer) stop "$unit" ;; esac; done
for unit in "${units[@]}"; do case $unit in *.timer) ;; *) stop "$unit" & ;; esac; done
wait
for i in "${!units[@]}"; do
  unit=${units[i]}
  if [ "$(show Result "$unit")" = timeout ] && [ -n "${names[i]}" ]; then killed+=("${names[i]}"); fi
  case "$(show ActiveState "$unit")" in
    inactive) ;;
    failed) reset_failed "$unit" ;;
    *) exit "$stuck" ;;
  esac
  case ${pids[i]} in ''|0) ;; *) if [ -d "/proc/${pids[i]}" ]; then exit "$stuck"; fi ;; esac
done
if [ "${#killed[@]}" = 0 ]; then printf '%s no' $was; else printf '%s yes %s' $was "${killed[*]}"; fi
