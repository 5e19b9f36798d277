#!/bin/bash -eu
# The function `take FOLDER`: copies what is wanted from another folder, by its manifest, or by the same name and size where it has none. What was
# copied is hashed, and only what is right is wanted no more. A folder may vanish meanwhile: then what was not copied is sent.
#
# Variables that must be set when it is called
#   work  the folder of this upload, which is the current one
# A sha256 has 12 digits in the manifest that travels (HINT in manifest.ts).
#
# Reads and rewrites `.upload/wanted`, lines of the manifest; adds to `.upload/hashed`, lines of sha256sum.
take() {
  local from=$1 known=/dev/null into='' to source batch=()
  if [ -f "$from/.manifest" ]; then known=$from/.manifest; fi
  # A line for each path that is wanted and can be had: the path, and where its content is.
  find "$from" -type f -printf '%s\t%P\n' | awk -F '\t' -v OFS='\t' '
    part == 1 { path[++n] = $5; sha[n] = $4; size[$4] = $3; wants[$5] = $4; next }
    part == 2 { told = 1; if ($1 == "f" && (substr($4, 1, 12) in size)) holds[$5] = substr($4, 1, 12); next }
    { s = ($2 in holds) ? holds[$2] : told ? "" : wants[$2] }
    s != "" && $1 == size[s] { have[$2] = s; if (!(s in any)) any[s] = $2 }
    END { for (i = 1; i <= n; i++) {
      s = sha[i]
      if (have[path[i]] == s) print path[i], path[i]
      else if (s in any) print path[i], any[s]
    } }' part=1 .upload/wanted part=2 "$known" part=3 - > .upload/plan || :
  # One process for many files, not one a file.
  awk -F '\t' '$1 == $2 { print $1 }' .upload/plan | tr '\n' '\0' |
    (cd "$from" && xargs -0 -r cp -f --parents --preserve=timestamps -t "$work" --) || :
  copy() { if [ "${#batch[@]}" -gt 0 ]; then cp -f --preserve=timestamps -t "$into" -- "${batch[@]}" || :; fi; batch=(); }
  while IFS=$'\t' read -r to source; do
    to=./$to source=$from/$source
    if [ "${to##*/}" != "${source##*/}" ]; then cp -f --preserve=timestamps -- "$source" "$to" || :; continue; fi
    if [ "${to%/*}" != "$into" ] || [ "${#batch[@]}" -ge 500 ]; then copy; into=${to%/*}; fi
    batch+=("$source")
  done < <(awk -F '\t' '$1 != $2' .upload/plan)
  copy
  cut -f 1 .upload/plan | tr '\n' '\0' | { xargs -0 -r sha256sum -z -- || :; } | tr '\0' '\n' > .upload/sums
  awk -F '\t' 'part == 1 { got[substr($0, 67)] = substr($0, 1, 12); next } got[$5] != $4' part=1 .upload/sums part=2 .upload/wanted > .upload/rest
  mv -f .upload/rest .upload/wanted
  cat .upload/sums >> .upload/hashed
} 2> /dev/null
