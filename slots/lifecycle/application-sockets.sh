#!/bin/bash -eu
# Prints the listening sockets that belong to processes of the user who runs it: one line per process and socket, the socket's inode and the pid. A process can
# choose any name for itself, even one that imitates the output of ss, so the link in /proc/PID/fd has to agree.
#
# Variables that must be set
#   filter  an ss(8) filter, '' for all sockets
while read -r rest; do
  ino=${rest##* ino:} ino=${ino%% *}
  while [[ $rest =~ pid=([0-9]+),fd=([0-9]+)\)(.*) ]]; do
    pid=${BASH_REMATCH[1]} fd=${BASH_REMATCH[2]} rest=${BASH_REMATCH[3]}
    if [ "$(readlink "/proc/$pid/fd/$fd")" = "socket:[$ino]" ]; then printf '%s %s\n' "$ino" "$pid"; fi
  done
done < <(ss -Hltnpe ${filter:+"$filter"})
