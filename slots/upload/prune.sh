#!/bin/bash -eu
# Removes old releases that no slot uses, and folders that interrupted uploads left behind more than a day ago. If a `current` link cannot be read, the
# script fails before it removes anything.
#
# Parameters
#   releases   the folder of all releases
#   migration  the file that names the newest migration
#   from       position of the first release to remove, newest first, from 1
#   sweep      removes what interrupted uploads and removals left behind
#   discard    removes the release `name`
#
# Prints: the name of each removed release.
cd -P "$releases"
used=$(for link in ../slots/*/current; do if [ -L "$link" ]; then readlink -f -- "$link"; fi; done)
# The newest migration may still be running, so its release is kept.
migrating=$(if [ -s "$migration" ]; then head -n 1 "$migration"; fi)
sweep
ls -1t | tail -n "+$from" | while IFS= read -r name; do
  case "$migrating" in *-migrate-"$name") continue ;; esac
  case $'\n'"$used"$'\n' in
    *$'\n'"$PWD/$name"$'\n'*) continue ;;
  esac
  discard
  printf '%s\n' "$name"
done
