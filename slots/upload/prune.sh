#!/bin/bash -eu
# Removes old releases that no slot uses, and folders that interrupted uploads left behind more than a day ago. A release is renamed before it is
# deleted: if the host loses power half way, the rest is not mistaken for a complete release. If a `current` link cannot be read, the script fails
# before it removes anything.
#
# Parameters
#   releases   the folder of all releases
#   migration  the file that names the newest migration
#   removed    name prefix of a release that is being removed
#   from       position of the first release to remove, newest first, from 1
# Needs the function `remove`.
#
# Prints: the name of each removed release.
cd -P "$releases"
used=$(for link in ../slots/*/current; do if [ -L "$link" ]; then readlink -f -- "$link"; fi; done)
# The newest migration may still be running, so its release is kept.
migrating=$(if [ -s "$migration" ]; then head -n 1 "$migration"; fi)
find . -mindepth 1 -maxdepth 1 \( -name "$removed*" -o -name '.*' -mmin +1440 \) -print0 | while IFS= read -r -d '' old; do remove "$old"; done
ls -1t | tail -n "+$from" | while IFS= read -r name; do
  case "$migrating" in *-migrate-"$name") continue ;; esac
  case $'\n'"$used"$'\n' in
    *$'\n'"$PWD/$name"$'\n'*) ;;
    *) mv -T -- "$name" "$removed$name"; remove "$removed$name"; printf '%s\n' "$name" ;;
  esac
done
