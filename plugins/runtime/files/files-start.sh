#!/bin/bash -eu
# Starts a slot of a static site: makes the link through which the server finds the release.
#
# Parameters
#   config   the server's file for the slots
#   service  the systemd unit of the server
#   dir      the folder of the release
#   root     the folder in it that is the root of the site
#   current  the link of the slot to its release
#   link     the link that the server follows
#   marker   a folder for a file with the name of the release
#   release  that name
#
# Prints: the path that is missing or cannot be read.
# Exit codes: `missing`, `already` (EXIT.process), `other_release` (EXIT.startable), `down`, `no_folder`, `unreadable` (EXIT.files).
if ! [ -f "$config" ]; then printf '%s\n' "$config"; exit "$missing"; fi
if ! systemctl is-active --quiet "$service"; then exit "$down"; fi
if [ -L "$link" ]; then exit "$already"; fi
if ! [ -d "$root" ]; then printf '%s\n' "${root#"$dir"}"; exit "$no_folder"; fi
if [ "$(readlink -f -- "$current")" != "$(readlink -f -- "$dir")" ]; then exit "$other_release"; fi
# The server has a user of its own.
odd=$(find "$root" -name .manifest -prune -o \( -type f ! -perm -004 -o -type d ! -perm -005 \) -print -quit)
if [ -n "$odd" ]; then printf '%s\n' "${odd#"$dir"}"; exit "$unreadable"; fi
ln -sfn -- "$dir" "$link.next"
mv -T -- "$link.next" "$link"
rm -rf -- "$marker"
mkdir -p -m 0755 -- "$marker"
: > "$marker/$release"
