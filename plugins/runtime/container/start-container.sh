#!/bin/bash -eu
# The process of a slot's unit: becomes the engine's client, which passes signals on and ends with the exit code of the container.
#
# Parameters
#   prepare  engine-shell.sh
#   name     the name of the container
#   command  what it runs instead of the image's own command; may be empty
prepare
load
contain "$name" -- "${command[@]}"
