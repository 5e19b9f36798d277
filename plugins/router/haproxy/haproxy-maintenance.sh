#!/bin/bash -eu
# Begins or ends the maintenance of a site: writes the maps that HAProxy reads when it starts, then replaces those in the running process. The files come
# first, so that a process that starts in between reads the new state.
#
# Parameters
#   map      the map with the state
#   allow    the map with the networks; it counts only while the other says that there is a maintenance
#   check    ends the script if the maps cannot be used
#   tell     sends its input to the admin socket, and prints the response
#
# Reads: the number of lines of the state; these lines; then the networks, one a line.
# Prints: the response of the process that was not expected.
# Exit codes: `refused` (EXIT.router), if the process did not accept a map, and those of `check`.
check
IFS= read -r count
state=()
for ((i = 0; i < count; i++)); do
  IFS= read -r line
  state+=("$line")
done
mapfile -t networks
write_file() {
  local file=$1
  shift
  : > "$file.next"
  if [ $# -gt 0 ]; then printf '%s\n' "$@" > "$file.next"; fi
  sync "$file.next"
  mv -T "$file.next" "$file"
}
refuse() {
  write_file "$map" "${before[@]}"
  printf '%s\n' "$1"
  exit "$refused"
}
# Replaces the whole map of the process at once. HAProxy responds to a success with one empty line; socat exits with 0 in any case.
replace() {
  local file=$1 answer version
  shift
  answer=$(printf 'prepare map %s\n' "$file" | tell)
  version=${answer##*created: }
  version=${version%%[!0-9]*}
  if [ -z "$version" ]; then refuse "$answer"; fi
  if [ $# -gt 0 ]; then
    answer=$({ printf 'add map @%s %s <<\n' "$version" "$file"; printf '%s\n' "$@" ''; } | tell; echo end)
    if [ "$answer" != $'\nend' ]; then refuse "${answer%end}"; fi
  fi
  answer=$(printf 'commit map @%s %s\n' "$version" "$file" | tell; echo end)
  if [ "$answer" != $'\nend' ]; then refuse "${answer%end}"; fi
}
before=('state off')
if [ -s "$map" ]; then mapfile -t before < "$map"; fi
write_file "$allow" "${networks[@]}"
write_file "$map" "${state[@]}"
replace "$allow" "${networks[@]}"
replace "$map" "${state[@]}"
