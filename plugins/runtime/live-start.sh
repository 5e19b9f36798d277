#!/bin/bash -eu
# Makes a slot the one in which runs what runs only in the live slot, and starts that. The units have the condition that `folder` contains a file with
# the name of their slot. It is renamed, so that at any moment, also after a crash of the host, exactly one slot has it. An ended connection does not
# end the script half way.
#
# Parameters
#   folder               the folder of that file
#   slot                 the name of the slot
#   enabled              the folder that contains a link for each unit that its slot was started with; other units are not started
#   units                the units of the slot that run only while it is live
#   names                the names of their processes, in the same order
#   attempts             the files in which the units count their start attempts, in the same order
#   forget               deletes the file `$1`
#   start, stop, reset_failed  functions that run systemctl for the unit `$1`
#
# Prints: the name of each process before it is started.
trap '' HUP INT TERM PIPE
mkdir -p -m 0755 "$folder"
cd "$folder"
if ! [ -e "$slot" ]; then
  before=$(find . -mindepth 1 -maxdepth 1 -printf '%f\n' -quit)
  if [ -n "$before" ]; then mv -T -- "$before" "$slot"; else : > "$slot"; fi
fi
find . -mindepth 1 -maxdepth 1 ! -name "$slot" -delete
sync . || :
for i in "${!units[@]}"; do
  if ! [ -L "$enabled/${units[i]}" ]; then continue; fi
  printf '%s\n' "${names[i]}"
  # A unit that pauses after a crash would be started only after that.
  case "$(systemctl show --property=SubState --value "${units[i]}")" in auto-restart*|start-pre) stop "${units[i]}" || : ;; esac
  forget "${attempts[i]}" 2> /dev/null || :
  reset_failed "${units[i]}" 2> /dev/null || :
  start "${units[i]}"
done
