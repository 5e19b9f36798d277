#!/bin/bash -eu
# Starts the release of a slot with its own `daemon` command, and waits for the process of the VM. What the command prints is shown if it fails.
#
# Parameters
#   log          the folder of run_erl's log, which begins anew
#   started      path of the file that marks the slot as started
#   environment  sets the variables of the slot
#   mark         the variable and its value by which the processes of the slot are found, NAME=VALUE
#   current      the folder of the release
#   command      the program of the release
#   patience     seconds to wait for the process
# Needs the functions of daemon.sh.
#
# Exit codes: `already` (EXIT.process) if it runs; that of the command.
if [ -n "$(ours)" ]; then exit "$already"; fi
rm -rf -- "$log"
: > "$started"
output=$(mktemp) code=
trap 'code=$?; trap "" HUP INT TERM PIPE; [ $code = 0 ] || cat "$output" >&2; rm -f -- "$output"' EXIT
(
  environment
  export "${mark?}"
  cd -- "$current"
  exec "$command" daemon < /dev/null > "$output" 2>&1
)
within "$patience" '[ -n "$(vms)" ]' || true
