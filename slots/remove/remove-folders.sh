#!/bin/bash -eu
# Runs as root. Deletes what switchyard made in the application's folder, then the folder itself if nothing else is in it.
#
# Parameters
#   root   the application's folder
#   owner  its owner
#   own    the names in it that are deleted
#
# Prints the names that are left. Exit code other than 0: something could not be deleted; the reason is on standard error.
if ! [ -d "$root" ]; then exit 0; fi
# The parent folder may belong to the user, who could have put a link in place of this one.
cd -P -- "$root"
if [ "$(stat -c %U .)" != "$owner" ]; then
  echo "$PWD does not belong to $owner any more" >&2
  exit 1
fi
# Files that somebody has mounted inside are not ours.
rm -rf --one-file-system -- "${own[@]}"
ls -A
folder=$PWD
cd /
if rmdir -- "$folder" 2> /dev/null && [ -L "$root" ]; then rm -f -- "$root"; fi
