#!/bin/bash -eu
# Defines `take FOLDER`: copies wanted files from another folder, matched by its manifest, or by name and size if it has none. The copies are
# hashed; a file with the right hash is no longer wanted. FOLDER may disappear meanwhile: the files not copied by then are uploaded.
#
# Variables that must be set when it is called
#   work  the folder of this upload, which is the current one
# The uploaded manifest abbreviates each sha256 to 12 digits (HINT in manifest.ts).
#
# Rewrites `.upload/wanted` (lines of the manifest); appends to `.upload/hashed` (lines of sha256sum).
take() {
  local from=$1 known=/dev/null into='' to source batch=()
  if [ -f "$from/.manifest" ]; then known=$from/.manifest; fi
  # The plan has a line for each wanted path whose content is in FOLDER: the path, and the path of that content.
  find "$from" -type f -printf '%s\t%P\n' | awk -F '\t' -v OFS='\t' '
    part == 1 { path[++n] = $5; sha[n] = $4; size[$4] = $3; wants[$5] = $4; next }
    part == 2 { listed = 1; if ($1 == "f" && (substr($4, 1, 12) in size)) holds[$5] = substr($4, 1, 12); next }
    { s = ($2 in holds) ? holds[$2] : listed ? "" : wants[$2] }
    s != "" && $1 == size[s] { have[$2] = s; if (!(s in any)) any[s] = $2 }
    END { for (i = 1; i <= n; i++) {
      s = sha[i]
      if (have[path[i]] == s) print path[i], path[i]
      else if (s in any) print path[i], any[s]
    } }' part=1 .upload/wanted part=2 "$known" part=3 - > .upload/plan || :
  # One process for many files, instead of one per file.
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
