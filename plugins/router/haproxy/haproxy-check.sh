#!/bin/bash -eu
# Prints HAProxy's configuration errors. Problems that prevent a switch have exit codes of their own. Other problems must exit with 0, because a non-zero
# code skips the switch that follows in the pipeline. If the map file is missing or invalid, neither the route nor the configuration is checked, because
# HAProxy would report the missing file; a repair writes it.
#
# Parameters
#   drop_in      the file with which HAProxy reads our folder
#   own_files    the files of this application in that folder
#   socket       HAProxy's runtime socket
#   map          the file with the route
#   slots        the names of the slots
#   show_map     prints the map as the process has it
#   config_test  the command that tests the configuration, as root
#   begin_guard, end_guard  look for a router that answers a path itself, around the rest; see guard.ts
#
# Prints: a file that is missing, what differs, or what is wrong with the configuration.
# Exit codes: `down`, `missing`, `stale`, `invalid` (EXIT.router), and that of `end_guard`.
export LC_ALL=C
if ! systemctl is-active --quiet haproxy; then exit "$down"; fi
for file in "$drop_in" "${own_files[@]}"; do if ! [ -e "$file" ]; then echo "$file"; exit "$missing"; fi; done
if ! [ -S "$socket" ]; then echo "$socket"; exit "$missing"; fi
begin_guard
text=$(cat "$map" 2> /dev/null || :) known=
if [ "$text" = 'live none' ]; then known=yes; fi
for slot in "${slots[@]}"; do case $text in "live $slot."*) known=yes ;; esac; done
if [ -n "$known" ]; then
  answer=$(show_map)
  if [ "$(awk '$2 == "live" { print $2, $3 }' <<< "$answer")" != "$text" ]; then
    printf 'the file contains %s, the process has %s\n' "$text" "${answer:-nothing}"
    exit "$stale"
  fi
  code=0
  output=$(config_test 2>&1) || code=$?
  if [ $code != 0 ]; then
    printf '%s\n' "$output"
    problem=$(grep -m 1 -F '[ALERT]' <<< "$output") || exit "$invalid"
    for file in "${own_files[@]}"; do case $problem in *"[$file:"*) exit "$invalid" ;; esac; done
  fi
fi
end_guard
