#!/bin/bash -eu
# Run as root: stops the instances of a template unit whose file has been removed. systemd still knows how to stop them until it is reloaded.
#
# Parameters
#   $1  the path of the file
name=${1##*/}
systemctl list-units --all --plain --no-legend "${name%.*}*.${name##*.}" | while read -r unit _; do
  systemctl stop "$unit" < /dev/null
  systemctl reset-failed "$unit" 2> /dev/null < /dev/null || :
done
