#!/bin/bash -eu
# Functions of a transaction: what was there before is kept in a folder until all is in force, and put back when it is not.
#
# Parameters
#   store     the folder of what was there before
#   again     what has the files read again once they are put back; it is written down, for a setup that is cut
#   in_force  has the new files read
#
# `finish CODE` prints what the last `attempt` has said, and ends the script.
# Exit codes of these functions: `busy`, `taken_back`, `not_back` (EXIT.setup).
PATH=$PATH:/usr/sbin:/sbin
umask 022
said=$(mktemp)
# Runs a function, with its output in `$said`, and sets `code`. Not in a condition: bash would then go on behind a command that failed.
attempt() { set +e; (set -eu -o pipefail; "$@") > "$said" 2>&1 < /dev/null; code=$?; set -e; }
finish() { cat "$said" 2>/dev/null || :; rm -f "$said"; exit "$1"; }
# Waits for another setup that writes just now. It may end only with the shell.
mine() {
  mkdir -p -m 0711 "${store%/*}"
  exec 8< "${store%/*}"
  flock -w 60 8 || { echo 'another setup is at work' > "$said"; finish "$busy"; }
}
# Puts back what stood there before, if that was all kept, and has it read again.
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
# Ends the script because of what `$said` holds.
take_back() {
  cp "$said" "$said.why"
  attempt back
  if [ "$code" = 0 ]; then mv "$said.why" "$said"; finish "$taken_back"; fi
  cat "$said" >> "$said.why"; mv "$said.why" "$said"; finish "$not_back"
}
commit() { rm -rf -- "$store"; }
