#!/bin/bash -eu
# Installs packages with apt-get. A lost connection does not end it, because that would leave packages half installed; the next run waits for it.
#
# Parameters
#   packages  their names
#   limit     seconds to wait while another program holds a lock of apt
#
# Output: `waiting: ...` once if a lock is held; after a failure the end of the output of the command that failed.
# Exit codes: `locked`, `disk_full`, `no_package`, `failed` (EXIT.bootstrap).
trap '' HUP INT TERM PIPE
PATH=$PATH:/usr/sbin:/sbin
# A database that is installed takes its encoding from this locale.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
# Not on the disk, which may be full.
output=$(mktemp -p /run)
# apt-get writes as to a terminal.
finish() { tail -n 20 "$output" | tr -d '\r' || :; rm -f "$output"; exit "$1"; }
says() { grep -qE "$1" "$output"; }
# Explains the failure of a command, and ends the script.
explain() {
  if says 'No space left on device|enough free space'; then finish "$disk_full"; fi
  if says 'Unable to locate package|no installation candidate'; then finish "$no_package"; fi
  finish "$failed"
}
waits=
attempt() {
  until "$@" > "$output" 2>&1 < /dev/null; do
    if ! says 'Could not get lock|Unable to lock|Unable to acquire|locked by another process'; then explain; fi
    if [ "$SECONDS" -ge "$limit" ]; then finish "$locked"; fi
    if [ -z "$waits" ]; then
      holder=$(sed -nE 's/.*(pid|process) ([0-9]+).*/\2/p' "$output" | tail -n 1)
      name=$(cat "/proc/${holder:-none}/comm" 2>/dev/null || echo 'another program')
      waits="$name${holder:+ (process $holder)}"
      printf 'waiting: %s\n' "$waits" || :
    fi
    sleep 1
  done
}
settings=(-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold)
attempt dpkg --configure -a --force-confdef --force-confold
attempt apt-get update -q
attempt apt-get install -y -q --fix-broken --no-install-recommends "${settings[@]}" "${packages[@]}"
rm -f "$output"
