#!/bin/bash -eu
# Begins a detached step whose script comes by standard input, in a session of its own. Who begins one holds `$newest.lock` until the step holds a lock
# of its own.
#
# Parameters
#   base    the path of the step's files without their extensions: .sh, .log, .exit, .lock
#   newest  the file that names the newest step
#   words   what is written down of the step, on one line
#   ended   succeeds when the step of `$base` has ended, or never began
#
# Reads: the step's script.
# Exit codes: `busy` (EXIT.migration) when the step before it still runs; nothing was begun then.
umask 077
mkdir -p "${base%/*}"
find "${base%/*}" -mindepth 1 -mtime +30 -delete
exec 9>> "$newest.lock"
flock 9
# `ended` asks about the step of `$base`.
this=$base
if [ -s "$newest" ]; then
  base=$(head -n 1 "$newest")
  if ! ended; then exit "$busy"; fi
fi
base=$this
rm -f -- "$base.exit" "$base.lock"
{ echo 'set -eu -o pipefail'; cat; } > "$base.sh"
: > "$base.log"
printf '%s\n' "$base" "$words" > "$newest.next"
mv -T -- "$newest.next" "$newest"
# The step inherits its lock, descriptor 8, so there is no moment in which it runs without.
exec 8> "$base.lock"
flock 8
setsid -f bash --norc -c 'bash --norc "$1.sh" > "$1.log" 2>&1; echo $? > "$1.exit.part"; mv "$1.exit.part" "$1.exit"' \
  bash "$base" 9>&- < /dev/null > /dev/null 2>&1
exec 8>&- 9>&-
