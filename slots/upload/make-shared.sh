#!/bin/bash -eu
# Creates a shared path, as the user who runs this.
#
# Variables that must be set
#   into  its place in the shared folder
#   path  its place in the archive
#   kind  `file` or `folder`: what it is if the release has nothing there
#
# Reads: a tar archive, which is empty if the release has nothing there. An archive, because the user of the application may not be able to read the release.
umask 022
rm -rf -- "$into~new"
mkdir -p -- "$into~new"
tar -xpf - -C "$into~new" --no-same-owner
mkdir -p -- "$into~new/$(dirname -- "$path")"
if ! [ -e "$into~new/$path" ]; then
  if [ "$kind" = file ]; then (umask 077; : > "$into~new/$path"); else mkdir -- "$into~new/$path"; fi
fi
chmod -R u+w -- "$into~new"
mv -T -n -- "$into~new/$path" "$into"
rm -rf -- "$into~new"
