#!/bin/bash -eu
# Begins a canary, or changes its share, for a router that looks for a file on each request: creates a folder with all that the router needs in the folder of
# the live route, then points the link `canary` there to it with one rename.
#
# Parameters
#   router     the folder that contains the links
#   target     the target of the link `live`: `slot.generation`
#   name       the name of the new folder, without a dot: Caddy takes a name with one for that of a route
#   ranges     the beginnings of the numbers that go to the canary; no number begins with two of them
#   sticky     `sticky` if visitors keep their number, else `fresh`
#   installed  the files of the site
#   needle     a text that each of them contains if the router knows of a canary
#
# Reads: the record.
# Prints: the path of the file that is outdated or missing, or the target of the link.
# Exit codes: `outdated` (EXIT.router), if a file of the site is missing or lacks the text; `stale`, if another route is live.
for file in "${installed[@]}"; do
  if ! grep -qsF -e "$needle" "$file"; then
    printf '%s\n' "$file"
    exit "$outdated"
  fi
done
live=$(readlink "$router/live" || :)
if [ "$live" != "$target" ]; then
  printf '%s\n' "${live:-no route}"
  exit "$stale"
fi
cd "$router/$target"
umask 022
rm -rf -- "$name"
mkdir -p "$name/share"
for range in "${ranges[@]}"; do : > "$name/share/$range"; done
cat > "$name/record.json"
: > "$name/$sticky"
: > "$name/on"
ln -sfn "$name" canary_next
mv -T canary_next canary
for old in canary-*/; do
  if [ "$old" != "$name/" ]; then rm -rf -- "$old"; fi
done
