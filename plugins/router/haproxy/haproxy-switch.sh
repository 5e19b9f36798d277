#!/bin/bash -eu
# Makes a route live: writes the map that HAProxy reads when it starts, then sets the entry in the running process. The file comes first, so that a process that
# starts in between reads the new route. One that is about to take over may have read the file before that: so the switch counts once no reload is under way
# and the process that answers has the new route. A process that is starting again is waited for as well.
#
# Parameters
#   map       the map with the route
#   value     the value of the entry
#   tell      sends its input to the admin socket, and prints the response
#   patience  how many seconds a process that starts or takes over may need
#
# Prints: the response of the process that was not expected.
# Exit code: `refused` (EXIT.router), if the process did not accept the entry.
write_map() {
  printf '%s\n' "$1" > "$map.next"
  sync "$map.next"
  mv -T "$map.next" "$map"
}
# HAProxy responds to a success with one empty line; socat exits with 0 in any case.
set_entry() {
  answer=$(tell <<< "set map $map $1"; echo end)
  [ "$answer" = $'\nend' ]
}
is_settled() {
  case $(systemctl show --property ActiveState --value haproxy) in *reloading*) return 1 ;; esac
  [ "$(tell <<< "show map $map" | awk '$2 == "live" { print $2, $3 }')" = "live $value" ]
}
refuse() {
  write_map "$before"
  # What did not answer in time may have accepted the entry all the same.
  case $before in 'live '*) set_entry "$before" || : ;; esac
  printf '%s\n' "$1"
  exit "$refused"
}
if [ -e "$map" ] && ! [ -f "$map" ]; then mv -T "$map" "$map.lost-$(date +%s%N)"; fi
before=$(cat "$map" 2> /dev/null || :)
write_map "live $value"
end=$((SECONDS + patience))
until set_entry "live $value" && is_settled; do
  case $answer in $'\nend') said='it has another route after a reload' ;; *) said=${answer%end} ;; esac
  # Only a process that cannot be reached may be starting.
  case $answer in $'\nend' | *'socat: exit '*) ;; *) refuse "$said" ;; esac
  if [ $SECONDS -ge "$end" ]; then refuse "$said"; fi
  sleep 0.1
done
