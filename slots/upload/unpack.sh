#!/bin/bash -eu
# Unpacks an archive that could not be read on the machine that sends: looks at what came out, and gives it its name with one rename. When the
# release is there by then, that one stays.
#
# Parameters
#   work      the folder in which it is unpacked, beside `final`
#   artifact  the archive; it is removed in any case
#   final     the release's folder
#   refuse_outside, link_shared, make_way  steps that `receive.sh` has as well
# Needs the function `remove`.
#
# Reads: the text of `release.json`.
# Exit codes: `no_archive`, `outside_name`, `odd_file` (EXIT.artifact); `refuse_outside` has one of its own.
trap 'remove "$work" "$artifact"' EXIT
export LC_ALL=C; umask 022
names=$(tar -tf "$artifact") || exit "$no_archive"
# By the shell: `grep -q` behind a pipe ends with its first match, and with many names that would count as none.
case $'\n'"$names"$'\n' in *$'\n/'*|*$'\n../'*|*/../*|*/..$'\n'*|*$'\n..\n'*) exit "$outside_name" ;; esac
rm -rf -- "$work"
mkdir -- "$work"
tar -xf "$artifact" -C "$work" --no-same-owner
cd -- "$work"
odd=$(find . ! -type f ! -type d ! -type l -print -quit)
if [ -n "$odd" ]; then exit "$odd_file"; fi
refuse_outside
chmod -R u+rwX,go-w -- "$work"
link_shared
cat > "$work/release.json"
find . ! -type l -exec chmod a-w -- {} +
cd /
make_way
if ! mv -T -n -- "$work" "$final" || [ -d "$work" ]; then test -f "$final/release.json"; fi
