#!/bin/bash -eu
# Runs a command until its end or its limit. It is in a process group of its own, which is ended at the limit, and together with this script.
#
# Parameters
#   limit   seconds
#   run_it  replaces its shell with `timeout` and the command; gets the arguments of this script
#
# Sets `code` to the exit code of the command, or to `late` if the limit ended it.
child='' began=$SECONDS
# The signal for our own group does not reach that of `timeout`.
trap 'if [ -n "$child" ]; then kill -TERM -- "-$child" 2> /dev/null || :; fi' HUP INT TERM
run_it "$@" < /dev/null 2>&1 &
child=$!
# A signal ends a `wait`, but not the command.
while :; do
  code=0
  wait "$child" || code=$?
  if ! kill -0 "$child" 2> /dev/null; then break; fi
done
child=
if [ "$code" != 0 ] && [ $((SECONDS - began)) -ge "$limit" ]; then code=late; fi
