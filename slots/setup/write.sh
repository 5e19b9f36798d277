#!/bin/bash -eu
# Writes the files of a setup. One that was cut is put back first.
#
# Parameters
#   deploy     the run that it belongs to
#   paths      of all that it changes
#   drafts     the new files, beside their places, until they get their names
#   prepare    makes what must be there before the files are
#   stage      writes and checks the drafts
#   put_files  gives them their names
#   rest       what comes when they stand there
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
