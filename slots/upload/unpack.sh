#!/bin/bash -eu
# Unpacks an archive that the sending machine could not read: checks its contents and renames the release into place. A release that exists by
# then is kept.
#
# Parameters
#   work      the folder to unpack into, beside `final`
#   artifact  the archive; always removed
#   final     the release's folder
#   refuse_outside, link_shared, make_way  steps shared with receive.sh
# Needs the function `remove`.
#
# Reads: the text of `release.json`.
# Exit codes: `no_archive`, `outside_name`, `odd_file` (EXIT.artifact), and those of `refuse_outside` and `link_shared`.
trap 'trap "" HUP INT TERM PIPE; remove "$work" "$artifact"' EXIT
export LC_ALL=C; umask 022
names=$(tar -tf "$artifact") || exit "$no_archive"
# Matched by the shell: under pipefail, `grep -q` would close the pipe at its first match and make a long listing look like no match.
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
