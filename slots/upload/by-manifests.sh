#!/bin/bash -eu
# Answers an upload from the manifests of what is on the host: which contents none of them has. A file that is gone, or has another size than its
# manifest says, counts as missing. It writes nothing.
#
# A part of receive.sh, whose functions `sources` and `manifest` it calls. A sha256 has 12 digits in the manifest that travels (HINT in manifest.ts).
#
# Prints: `missing`, and the number of a line of the manifest for each content that is missing, once.
while IFS= read -r old; do
  if [ -f "$old/.manifest" ]; then
    find "$old" -type f -printf '%s\t%P\n' | awk -F '\t' '
      part == 1 { size[$2] = $1; next }
      $1 == "f" && ($5 in size) && size[$5] == $3 { print substr($4, 1, 12) }' part=1 - part=2 "$old/.manifest" || :
  fi
done < <(sources) 2> /dev/null | awk -F '\t' -v ORS= 'BEGIN { print "missing" }
  part == 1 { have[$1]; next }
  $1 == "f" && !($4 in have) && !said[$4]++ { print " " FNR }
  END { print "\n" }' part=1 - part=2 <(manifest)
