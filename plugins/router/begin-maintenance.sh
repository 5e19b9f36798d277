#!/bin/bash -eu
# Begins the maintenance of a site, for a router that looks for a file on each request: creates a folder with all that the router needs, then points the
# link `maintenance` to it with one rename.
#
# Parameters
#   router     the folder that contains the links
#   name       the name of the new folder, without a dot: `move-link.sh` removes folders that have one
#   retry      seconds, for `Retry-After`
#   installed  the files of the site
#   needle     a text that each of them contains if the router knows of a maintenance
#
# Reads: the record, in one line; the number of names; that many lines with the names of files in `allow/`; then the page.
# Prints: the path of the file that is outdated or missing.
# Exit codes: `outdated` (EXIT.router), if a file of the site is missing or lacks the text.
for file in "${installed[@]}"; do
  if ! grep -qsF -e "$needle" "$file"; then
    printf '%s\n' "$file"
    exit "$outdated"
  fi
done
mkdir -p -m 0755 "$router"
cd "$router"
if [ -e maintenance ] && ! [ -L maintenance ]; then mv -T maintenance "maintenance_lost_$(date +%s%N)"; fi
rm -rf -- "$name"
mkdir -m 0755 "$name" "$name/allow"
IFS= read -r record
IFS= read -r count
for ((i = 0; i < count; i++)); do
  IFS= read -r allowed
  : > "$name/allow/$allowed"
done
cat > "$name/page.html"
printf '%s\n' "$record" > "$name/record.json"
: > "$name/retry.$retry"
: > "$name/on"
ln -sfn "$name" maintenance_next
mv -T maintenance_next maintenance
for old in maintenance-*/; do
  if [ "$old" != "$name/" ]; then rm -rf -- "$old"; fi
done
