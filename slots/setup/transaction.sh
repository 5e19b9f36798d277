#!/bin/bash -eu
# Functions of a transaction. The original files are backed up in a folder until the new ones are in force, and restored if that fails.
#
# Parameters
#   store     the backup folder
#   again     reloads the services after the files are restored; saved in the backup, for a setup that is interrupted
#   in_force  reloads the services with the new files
#
# `finish CODE` prints the output of the last `attempt`, and ends the script.
# Exit codes of these functions: `busy`, `taken_back`, `not_back` (EXIT.setup).
PATH=$PATH:/usr/sbin:/sbin
umask 022
output=$(mktemp)
# Runs a function with its output in `$output`, and sets `code`. Never called in a condition, where bash ignores `set -e`.
attempt() { set +e; (set -eu -o pipefail; "$@") > "$output" 2>&1 < /dev/null; code=$?; set -e; }
finish() { cat "$output" 2>/dev/null || :; rm -f "$output"; exit "$1"; }
# Waits for another setup that is writing. The lock is held until the shell ends.
mine() {
  mkdir -p -m 0711 "${store%/*}"
  exec 8< "${store%/*}"
  flock -w 60 8 || { echo 'another setup is running' > "$output"; finish "$busy"; }
}
# Restores the original files, if the backup is complete, and reloads the services.
back() {
  if [ -e "$store/kept" ]; then
    (cd "$store/was"; find . ! -type d -print0) | while IFS= read -r -d '' at; do
      path=${at#.} next=${at%/*}/.${at##*/}.next
      cp -a -- "$store/was$path" "${next#.}"
      mv -T -- "${next#.}" "$path"
    done
    (cd "$store/absent"; find . -type f -print0) | while IFS= read -r -d '' at; do rm -f -- "${at#.}"; done
    if [ -e "$store/put" ]; then bash -u "$store/again" || :; fi
  fi
  rm -rf -- "$store"
}
# Restores the files and ends the script. `$output` holds the reason.
take_back() {
  cp "$output" "$output.why"
  attempt back
  if [ "$code" = 0 ]; then mv "$output.why" "$output"; finish "$taken_back"; fi
  cat "$output" >> "$output.why"; mv "$output.why" "$output"; finish "$not_back"
}
commit() { rm -rf -- "$store"; }
