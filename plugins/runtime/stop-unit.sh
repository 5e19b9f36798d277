#!/bin/bash -eu
# Stops and disables a slot's unit.
#
# Parameters
#   template                     path of the template unit; if it does not exist, nothing is running
#   unit                         the slot's unit
#   disable, stop, reset_failed  functions that run systemctl; `stop` waits until the unit has stopped
#
# Prints: `running` or `stopped` (the state before), then `yes` or `no` (whether it was killed).
# Exit codes: `stuck` (EXIT.process) if the unit or its process is still running.
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
