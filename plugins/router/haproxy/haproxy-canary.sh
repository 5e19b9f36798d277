#!/bin/bash -eu
# Begins, changes or ends a canary: writes the map that HAProxy reads when it starts, then sets the entry in the running process. The file comes first, so
# that a process that starts in between reads the new state.
#
# Parameters
#   map    the map with the canary
#   value  the value of the entry
#   check  ends the script if the canary cannot begin, or if there is none to end
#   tell   sends its input to the admin socket, and prints the response
#
# Reads: the record.
# Prints: the response of the process that was not expected.
# Exit codes: `refused` (EXIT.router), if the process did not accept the entry, and those of `check`.
check
IFS= read -r record || :
before=$(cat "$map")
write_map() {
  printf '%s\n' "$1" > "$map.next"
  sync "$map.next"
  mv -T "$map.next" "$map"
}
write_map "canary $value"$'\n'"record $record"
# HAProxy responds to a success with one empty line; socat exits with 0 in any case.
answer=$(printf 'set map %s canary %s\n' "$map" "$value" | tell; echo end)
if [ "$answer" != $'\nend' ]; then
  write_map "$before"
  printf '%s\n' "${answer%end}"
  exit "$refused"
fi
