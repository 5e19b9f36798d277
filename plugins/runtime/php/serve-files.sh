#!/bin/bash -eu
# Lets nginx serve the files of a release: makes the link through which it finds them. It has a user of its own. Whether it can read the scripts does not
# matter, since it passes them to PHP, nor files whose names begin with a dot, which it never serves.
#
# Parameters
#   dir   the folder of the release
#   root  the folder in it that is the root of the site
#   link  the link that nginx follows
#
# Prints: the path that is missing or cannot be read.
# Exit codes: `no_folder`, `unreadable` (EXIT.files).
if ! [ -d "$root" ]; then printf '%s\n' "${root#"$dir"}"; exit "$no_folder"; fi
odd=$(find "$root" -mindepth 1 -name '.*' -prune -o \( -type f ! -name '*.php' ! -perm -004 -o -type d ! -perm -005 \) -print -quit)
if [ -n "$odd" ]; then printf '%s\n' "${odd#"$dir"}"; exit "$unreadable"; fi
ln -sfn -- "$dir" "$link.next"
mv -T -- "$link.next" "$link"
