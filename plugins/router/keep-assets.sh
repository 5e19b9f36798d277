#!/bin/bash -eu
# Remembers the release that becomes live, for requests for its assets when it is no longer in a slot. `kept/1` leads to it, `kept/2` to the one before,
# and so on; at no moment one of them is missing.
#
# Parameters
#   kept     the folder of the links
#   current  the link of the slot to its release
#   folder   the folder in the release in which nginx looks for assets; may contain `*`
#   count    how many links there are at most
mkdir -p -- "$kept"
release=$(readlink -f -- "$current")
found=
for match in "$release"/$folder; do
  if [ -d "$match" ]; then found=$match; break; fi
done
if [ -z "$found" ]; then exit 0; fi
place() { ln -sfn -- "$1" "$kept/next"; mv -T -- "$kept/next" "$kept/$2"; }
last=1
while [ "$last" -lt "$count" ] && [ -L "$kept/$last" ] && [ "$(readlink -- "$kept/$last")" != "$found" ]; do last=$((last + 1)); done
for ((i = last; i > 1; i--)); do place "$(readlink -- "$kept/$((i - 1))")" "$i"; done
place "$found" 1
