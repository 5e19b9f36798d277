#!/bin/bash -eu
# Runs a migration or a hook in a container of its own, and waits for its end. After SIGTERM it has eight seconds to end by itself.
#
# Parameters
#   prepare  engine-shell.sh
#   name     the name of the container
#   command  what it runs instead of the image's own command
#
# Writes the file that $SWITCHYARD_MIGRATED names, if there is one, if the command ended with exit code 0 and was not terminated.
prepare
trap 'trap "" HUP INT TERM PIPE; "${engine[@]}" rm --force "$name" > /dev/null 2>&1 || :' EXIT
load
code=0 terminated=
trap 'terminated=yes' TERM
(contain "$name" -- "${command[@]}") < /dev/null &
wait $! || code=$?
if [ -n "$terminated" ]; then
  for _ in {1..80}; do if ! kill -0 $! 2> /dev/null; then break; fi; sleep 0.1; done
  exit 1
fi
if [ $code != 0 ]; then exit $code; fi
if [ -n "${SWITCHYARD_MIGRATED-}" ]; then echo 'done' > "$SWITCHYARD_MIGRATED"; fi
