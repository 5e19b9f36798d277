#!/bin/bash -eu
# Receives an upload: reads the manifest, reports which files are missing, waits for `go`, unpacks those files, assembles the release, verifies it
# against the manifest, and renames it into place. Writes nothing before `go`.
#
# Parameters
#   releases       the folder of all releases
#   work           the folder of this upload, in `releases`
#   final          the release's folder
#   record         the text of `release.json`
#   shared         an awk condition: field 5 is a shared path, or below one
#   answer_early   code that prints what is missing before anything is written; may be empty
#   answer_late    code that prints what is missing after the local copies; may be empty
#   still_missing  code that ends the script if files are missing that were not requested; may be empty
#   refuse_outside, link_shared, make_way  steps shared with unpack.sh
# Needs the functions `take` (take.sh) and `remove`.
#
# The uploaded manifest abbreviates each sha256 to 12 digits (HINT in manifest.ts).
#
# Reads: a line with the length of the gzipped manifest and the digest of the full one; the gzipped manifest; the line `go`; and, after `missing`
# was printed, a `.tar.gz` of the missing files, or the whole artifact.
# Prints: `there` if the release exists, else `missing` and line numbers of the manifest; `free BYTES` if the disk is full;
# `damaged PATH`, what was sent and what arrived, separated by tabs.
# Exit codes: 0 if the release exists, and if `go` never came. `not_set_up`, `not_writable`, `cut_off`, `disk_full`, `damaged` (EXIT.receive);
# `odd_file`, `not_as_listed` (EXIT.artifact); those of `refuse_outside` and `link_shared`.
export LC_ALL=C
if ! [ -w "$releases" ]; then if [ -O "$releases" ]; then exit "$not_writable"; else exit "$not_set_up"; fi; fi
if [ -f "$final/release.json" ]; then echo there; exit 0; fi
umask 022
IFS=' ' read -r length digest
packed=$(head -c "$length" | base64 -w 0)
manifest() { printf %s "$packed" | base64 -d | gzip -dc; }

# Where to look for contents: the newest four releases, and the newest three folders of interrupted uploads.
newest() { find "$releases" -mindepth 1 -maxdepth 1 -type d "$@" ! -path "$work" -printf '%T@\t%p\n' | sort -rn | cut -f 2; }
sources() { newest ! -name '.*' | sed -n '1,4p'; newest -name '.*' | sed -n '1,3p'; }
answer_early

IFS= read -r command || exit 0
if [ "$command" != go ]; then exit 0; fi

# The folder is locked before it gets its final name, so that another upload never mistakes it for an abandoned one. An interrupted run leaves it
# behind, and the next one copies files from it. `keep`: leave it behind on a normal exit as well.
keep='' unlocked=$releases/.new${work##*/}
trap 'trap "" HUP INT TERM PIPE; [ -n "$keep" ] || remove "$work" "$unlocked"' EXIT
mkdir -- "$unlocked" "$unlocked/.upload"
exec 9> "$unlocked/.upload/lock"
flock -n 9
mv -T -- "$unlocked" "$work"
cd -- "$work"
manifest > .manifest
awk -F '\t' '$1 == "d" { print $5 }' .manifest | tr '\n' '\0' | xargs -0 -r mkdir -p --
awk -F '\t' '$1 == "f"' .manifest > .upload/wanted
for name in hashed received unhashed; do : > ".upload/$name"; done

# Copy what the host has; `take` verifies the copies.
while IFS= read -r old; do
  if [ -s .upload/wanted ]; then take "$old"; fi
done < <(sources)
find "$releases" -mindepth 1 -maxdepth 1 -name ".${final##*/}.*" ! -path "$work" -print0 2> /dev/null | while IFS= read -r -d '' old; do
  if [ -e "$old/.upload/lock" ] && flock -n "$old/.upload/lock" true; then remove "$old"; fi
done || :
# Remove the folders of uploads that were abandoned more than a day ago.
find "$releases" -mindepth 1 -maxdepth 1 -name '.*' ! -path "$work" -mmin +1440 -print0 2> /dev/null | while IFS= read -r -d '' old; do remove "$old"; done || :
cut -f 5 .upload/wanted | tr '\n' '\0' | xargs -0 -r rm -f --
keep=yes
answer_late

# Unpack what is sent.
if ! errors=$(tar -xzvf - --no-same-owner --quoting-style=literal 2>&1 > .upload/received); then
  printf '%s\n' "$errors" >&2
  case "$errors" in *'No space left'*|*'quota exceeded'*|*'Wrote only '*) ;; *) exit "$cut_off" ;; esac
  keep=
  df -P -B1 -- "$releases" | awk 'NR == 2 { print "free " $4 }'
  exit "$disk_full"
fi
keep=
find . -type f -printf '%P\n' | awk -F '\t' 'part == 1 { have[$1]; next } !($5 in have)' part=1 - part=2 .upload/wanted > .upload/rest
mv -f .upload/rest .upload/wanted
if [ -s .upload/wanted ]; then take "$work"; fi
still_missing
while IFS=$'\t' read -r path target; do ln -sfn -- "$target" "$path"; done < <(awk -F '\t' -v OFS='\t' '$1 == "l" { print $5, $6 }' .manifest)

# Verify the whole release against the manifest.
odd=$(find . ! -type f ! -type d ! -type l -print -quit)
if [ -n "$odd" ]; then exit "$odd_file"; fi
refuse_outside
find . -mindepth 1 \( -path ./.manifest -o -path ./.upload \) -prune -o -printf '%y\t%P\t%l\n' | sort > .upload/there
if ! awk -F '\t' -v OFS='\t' '{ print $1, $5, $6 }' .manifest | sort | cmp -s - .upload/there; then exit "$not_as_listed"; fi
# Hash what was received, including files that had been copied and were then overwritten.
: > .upload/sums
awk -F '\t' 'part == 1 { sum[substr($0, 67)] = $0; next } part == 2 { sub(/^(\.\/)+/, ""); delete sum[$0]; next }
  $1 == "f" { if ($5 in sum) print sum[$5] > ".upload/sums"; else print $5 > ".upload/unhashed" }' part=1 .upload/hashed part=2 .upload/received part=3 .manifest
tr '\n' '\0' < .upload/unhashed | xargs -0 -r sha256sum -z -- | tr '\0' '\n' >> .upload/sums
awk -F '\t' -v OFS='\t' 'part == 1 { sum[substr($0, 67)] = substr($0, 1, 64); next }
  $1 == "f" { if (substr(sum[$5], 1, 12) != $4) print $5, $3, $4, sum[$5] > ".upload/damaged"; $4 = sum[$5] }
  { print }' part=1 .upload/sums part=2 .manifest > .upload/manifest
if [ "$(sha256sum < .upload/manifest | cut -c 1-64)" != "$digest" ]; then
  keep=yes
  if [ -s .upload/damaged ]; then
    IFS=$'\t' read -r path size sent arrived < .upload/damaged
    printf 'damaged %s\t%s bytes, sha256 %s\t%s bytes, sha256 %s\n' "$path" "$size" "$sent" "$(stat -c %s -- "$path")" "${arrived:0:12}"
  fi
  exit "$damaged"
fi
mv -f .upload/manifest .manifest
rm -rf .upload
link_shared

# A release is immutable. Its record is written last.
modes=$(awk -F '\t' '$1 != "l" { print $2 }' .manifest | sort -u)
for mode in $modes; do
  awk -F '\t' -v mode="$mode" '$1 != "l" && $2 == mode && !('"$shared"') { print $5 }' .manifest | tr '\n' '\0' | xargs -0 -r chmod "$mode" --
done
printf '%s\n' "$record" > release.json
chmod a-w . .manifest release.json
cd /
make_way
if ! mv -T -n -- "$work" "$final" || [ -d "$work" ]; then test -f "$final/release.json"; fi
