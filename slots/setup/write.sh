#!/bin/bash -eu
# Writes the files of a setup. The files of an interrupted setup are restored first.
#
# Parameters
#   deploy     the id of the run
#   paths      all paths that change
#   drafts     the new files under temporary names, beside their final paths
#   prepare    creates the account and the folders
#   stage      writes and checks the drafts
#   put_files  renames the drafts to their final paths
#   rest       runs after the files are in place
# Needs the functions of transaction.sh.
#
# Exit codes: `refused`, `not_back` (EXIT.setup), and those of the functions.
keep() {
  rm -rf -- "$store"
  mkdir -p -m 0700 "$store" "$store/was" "$store/absent"
  printf %s "$deploy" > "$store/deploy"
  (declare -f again; echo again) > "$store/again"
  for path in "${paths[@]}"; do
    mkdir -p "$store/was${path%/*}" "$store/absent${path%/*}"
    if [ -e "$path" ] || [ -L "$path" ]; then cp -a -- "$path" "$store/was$path"; else : > "$store/absent$path"; fi
  done
  sync "$store" || :
  : > "$store/kept"
}
put() {
  : > "$store/put"
  put_files
}
mine
if [ -e "$store" ]; then attempt back; if [ "$code" != 0 ]; then finish "$not_back"; fi; fi
for step in prepare keep stage; do
  attempt $step
  if [ "$code" != 0 ]; then rm -f -- "${drafts[@]}"; rm -rf -- "$store"; finish "$refused"; fi
done
attempt put
if [ "$code" != 0 ]; then take_back; fi
rest
