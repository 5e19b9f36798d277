#!/bin/bash -eu
# Runs a command in the container of a slot, or if that is down in one of its own, with the same image and environment, and without the image's entry point.
#
# Parameters
#   prepare  engine-shell.sh
#   name     the name of the container
#   command  the command
prepare
given=(--interactive)
if [ -t 0 ] && [ -t 1 ]; then given+=(--tty --env "TERM=${TERM:-xterm}"); fi
if [ "$("${engine[@]}" container inspect --format '{{.State.Running}}' "$name" 2> /dev/null)" = true ]; then
  exec "${engine[@]}" exec "${given[@]}" "$name" "${command[@]}"
fi
load
contain "$name-exec-$$" "${given[@]}" --entrypoint "${command[0]}" -- "${command[@]:1}"
