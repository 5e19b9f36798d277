#!/bin/bash -eu
# Changes maps of HAProxy: writes the files that HAProxy reads when it starts, then makes the running process have what they contain. The files come first, so that
# a process that starts in between reads the new state. One that is about to take over may have read them before that: so a change counts once no reload is
# under way and the process that answers has what the files contain. A process that is starting again is waited for as well.
#
# Parameters
#   check     ends the script if nothing can be changed, or nothing has to be
#   maps      the files, in the order in which they are changed
#   texts     what each of them shall contain
#   entry     the key of the only entry that HAProxy uses, which alone is sent to the process; empty to replace the whole maps there
#   tell      sends its input to the admin socket, and prints the response
#   patience  how many seconds a process that starts or takes over may need
#
# Prints: the response of the process that was not expected.
# Exit codes: `refused` (EXIT.router), if the process did not accept the change, which is then taken back; and those of `check`.
check
write_files() {
  local map text
  for map in "${maps[@]}"; do
    text=${1:+$1$'\n'}
    shift
    printf '%s' "$text" > "$map.next"
    sync "$map.next"
    mv -T "$map.next" "$map"
  done
}
# HAProxy responds to a success with one empty line; socat exits with 0 in any case.
accepts() {
  answer=$(tell <<< "$1"; echo end)
  [ "$answer" = $'\nend' ]
}
replace() {
  local version
  answer=$(tell <<< "prepare map $1")
  case $answer in *'created: '*) version=${answer##*created: } ;; *) return 1 ;; esac
  if [ -s "$1" ]; then accepts "add map @$version $1 <<"$'\n'"$(cat "$1")"$'\n' || return 1; fi
  accepts "commit map @$version $1"
}
# What the files contain: a run that has written them since then gets its own state.
enter() {
  local map
  for map in "${maps[@]}"; do
    if [ -z "$entry" ]; then
      replace "$map" || return 1
    else
      accepts "set map $map $(grep -m 1 "^$entry " "$map")" || return 1
    fi
  done
}
# Prints the entries of a map that HAProxy uses, with single spaces.
entries() { awk -v key="$entry" 'NF > 0 && (key == "" || $1 == key) { $1 = $1; print }'; }
is_settled() {
  local map
  case $(systemctl show --property ActiveState --value haproxy) in *reloading*) return 1 ;; esac
  for map in "${maps[@]}"; do
    [ "$(tell <<< "show map $map" | sed 's/^0x[0-9a-f]* //' | entries)" = "$(entries < "$map")" ] || return 1
  done
}
refuse() {
  write_files "${before[@]}"
  # What did not answer in time may have accepted the change all the same.
  enter || :
  printf '%s\n' "$1"
  exit "$refused"
}
before=()
for map in "${maps[@]}"; do
  if [ -e "$map" ] && ! [ -f "$map" ]; then mv -T "$map" "$map.lost-$(date +%s%N)"; fi
  before+=("$(cat "$map" 2> /dev/null || :)")
done
write_files "${texts[@]}"
end=$((SECONDS + patience))
until enter && is_settled; do
  case $answer in
    $'\nend') said='it has another state after a reload' ;;
    # A process that cannot be reached may be starting, and one that has taken over does not know the version that another has prepared.
    *'socat: exit '* | *'ersion number'*) said=${answer%end} ;;
    *) refuse "${answer%end}" ;;
  esac
  if [ $SECONDS -ge "$end" ]; then refuse "$said"; fi
  sleep 0.1
done
