#!/bin/bash -eu
# Stops a slot's unit, and disables it.
#
# Parameters
#   template                     the file of the template unit; without it nothing runs
#   unit                         the slot's unit
#   disable, stop, reset_failed  what systemctl is told; `stop` waits for the end
#
# Prints: `running` or `stopped` (what it was), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) when the unit or its process is still there.
[ -f "$template" ] || { echo 'stopped no'; exit 0; }
show() { systemctl show --property="$1" "$unit" --value; }
was=running killed=no
pid=$(show MainPID)
if [ "$pid" = 0 ]; then pid=; fi
case "$(show ActiveState)" in inactive|failed) was=stopped ;; esac
disable
stop
if [ "$(show Result)" = timeout ] && [ $was = running ]; then killed=yes; fi
case "$(show ActiveState)" in
  inactive) ;;
  failed) reset_failed ;;
  *) exit "$stuck" ;;
esac
if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then exit "$stuck"; fi
printf '%s %s' $was $killed
