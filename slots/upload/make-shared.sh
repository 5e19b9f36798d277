#!/bin/bash -eu
# Creates a shared path, as the user who runs this.
#
# Variables that must be set
#   into  its place in the shared folder
#   path  its place in the archive
#
# Reads: a tar archive, which is empty if the release has nothing there. An archive, because the user of the application may not be able to read the release.
umask 022
rm -rf -- "$into.new"
mkdir -p -- "$into.new"
tar -xpf - -C "$into.new" --no-same-owner
mkdir -p -- "$into.new/$(dirname -- "$path")"
[ -e "$into.new/$path" ] || mkdir -- "$into.new/$path"
chmod -R u+w -- "$into.new"
mv -T -n -- "$into.new/$path" "$into"
rm -rf -- "$into.new"
