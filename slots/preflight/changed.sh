#!/bin/bash -eu
# Compares the releases that slots run with their manifests, and prints the files that were changed, removed or added since the upload. Reads every file.
# The manifest of a release that was prepared on the host is `.prepared`.
#
# Parameters
#   currents       the links to the releases that slots run
#   shared_listed  awk condition: whether field 5, a path in a manifest, is a shared path
#   shared_found   the same for the whole line, a path in a release
#
# Prints: `release<TAB>path`, at most 20 lines.
export LC_ALL=C
for current in "${currents[@]}"; do
  if [ -f "$current/.manifest" ]; then readlink -f -- "$current"; fi
done | sort -u | while IFS= read -r dir; do
  cd -- "$dir"
  listing=.manifest
  if [ -f .prepared ]; then listing=.prepared; fi
  {
    awk -F '\t' '$1 == "f" && !('"$shared_listed"') { print $4 "  " $5 }' "$listing" |
      { sha256sum -c --quiet 2> /dev/null || :; } | sed 's/: FAILED\( open or read\)\{0,1\}$//'
    find . ! -type d ! -path ./.manifest ! -path ./.prepared ! -path ./release.json -printf '%P\n' |
      awk -F '\t' 'part == 1 { known[$5]; next } !($0 in known) && !('"$shared_found"')' part=1 "$listing" part=2 -
  } | sed "s/^/${dir##*/}\t/"
done | awk 'NR <= 20'
