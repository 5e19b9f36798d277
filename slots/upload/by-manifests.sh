#!/bin/bash -eu
# Finds the contents of an upload that no manifest on the host lists. A listed file that is gone, or whose size differs from its manifest, counts as
# missing. Writes nothing.
#
# Included by receive.sh; uses its functions `sources` and `manifest`. The uploaded manifest abbreviates each sha256 to 12 digits (HINT in manifest.ts).
#
# Prints: `missing`, followed by one line number of the manifest for each distinct missing content.
while IFS= read -r old; do
  if [ -f "$old/.manifest" ]; then
    find "$old" -type f -printf '%s\t%P\n' | awk -F '\t' '
      part == 1 { size[$2] = $1; next }
      $1 == "f" && ($5 in size) && size[$5] == $3 { print substr($4, 1, 12) }' part=1 - part=2 "$old/.manifest" || :
  fi
done < <(sources) 2> /dev/null | awk -F '\t' -v ORS= 'BEGIN { print "missing" }
  part == 1 { have[$1]; next }
  $1 == "f" && !($4 in have) && !printed[$4]++ { print " " FNR }
  END { print "\n" }' part=1 - part=2 <(manifest)
