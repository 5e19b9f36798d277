#!/bin/bash -eu
# Removes what nothing uses: releases beyond the newest, and what uploads that were cut left behind a day ago or more. A release loses its name
# first: one that is half removed, because the host lost power meanwhile, is never taken for a whole one. A link that cannot be read ends it
# before anything is removed.
#
# Parameters
#   releases   the folder of all releases
#   migration  the file that names the newest migration
#   removed    what the name of a release begins with while it is being removed
#   from       the first of the releases, newest first, that is removed
# Needs the function `remove`.
#
# Prints: the name of each release that it has removed.
cd -P "$releases"
used=$(for link in ../slots/*/current; do if [ -L "$link" ]; then readlink -f -- "$link"; fi; done)
# It may still run.
migrating=$(if [ -s "$migration" ]; then head -n 1 "$migration"; fi)
find . -mindepth 1 -maxdepth 1 \( -name "$removed*" -o -name '.*' -mmin +1440 \) -print0 | while IFS= read -r -d '' old; do remove "$old"; done
ls -1t | tail -n "+$from" | while IFS= read -r name; do
  case "$migrating" in *-migrate-"$name") continue ;; esac
  case $'\n'"$used"$'\n' in
    *$'\n'"$PWD/$name"$'\n'*) ;;
    *) mv -T -- "$name" "$removed$name"; remove "$removed$name"; printf '%s\n' "$name" ;;
  esac
done
