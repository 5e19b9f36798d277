#!/bin/bash -eu
# Unpacks a release that was copied from another host of the fleet, and renames it into place. A release that exists by then is kept.
#
# Parameters
#   archive  the copied release as a `.tar.gz`; always removed
#   work     the folder to unpack into, beside `final`
#   final    the release's folder
#   sha256   what `release.json` has to say
#   shared   the shared paths of the host, which the links of the release lead to
#   make_way  a step shared with receive.sh
# Needs the function `remove`.
#
# Prints: a shared path that the host does not have.
# Exit codes: `damaged` (EXIT.receive) if it is another release; `not_shared` (EXIT.release) if a shared path is missing.
trap 'trap "" HUP INT TERM PIPE; remove "$work" "$archive"' EXIT
export LC_ALL=C; umask 022
for path in "${shared[@]}"; do if ! [ -e "$path" ]; then printf '%s\n' "$path"; exit "$not_shared"; fi; done
mkdir -- "$work"
tar -xzpf "$archive" -C "$work" --no-same-owner
case "$(tr -d ' \n' < "$work/release.json")" in *"\"sha256\":\"$sha256\""*) ;; *) exit "$damaged" ;; esac
make_way
if ! mv -T -n -- "$work" "$final" || [ -d "$work" ]; then test -f "$final/release.json"; fi
