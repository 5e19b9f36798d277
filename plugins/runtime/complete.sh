#!/bin/bash -eu
# Waits until each unit of a slot has run for a second. A timer only has to be active.
#
# Parameters
#   enabled  the folder that contains a link for each unit that its slot was started with; other units do not count
#   units    the units
#   names    the names of their processes, in the same order
#
# Prints: the name of each process that it waits for; the last one is the one that does not run.
# Exit codes: `ended` (EXIT.process) if a process does not run, or has not run for a second after ten.
show() { systemctl show --property="$1" "$2" --value; }
for i in "${!units[@]}"; do
  unit=${units[i]} began=$SECONDS
  if ! [ -L "$enabled/$unit" ]; then continue; fi
  printf '%s\n' "${names[i]}"
  while :; do
    case "$(show SubState "$unit")" in
      running)
        case $unit in *.timer) break ;; esac
        age=$(ps -o etimes= -p "$(show MainPID "$unit")" || echo 0)
        if [ "$age" -ge 1 ]; then break; fi
        ;;
      waiting) break ;;
      failed|dead|auto-restart*) exit "$ended" ;;
    esac
    if [ $((SECONDS - began)) -ge 10 ]; then exit "$ended"; fi
    sleep 0.1
  done
done
