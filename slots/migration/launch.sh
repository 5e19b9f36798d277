#!/bin/bash -eu
# Starts a detached step in a session of its own. The launcher holds `$newest.lock` until the step holds its own lock.
#
# Parameters
#   base    the path of the step's files without their extensions: .sh, .log, .exit, .lock
#   newest  the file that names the newest step
#   record  the record of the step, on one line
#   ended   succeeds if the step of `$base` has ended or never started
#
# Reads: the step's script.
# Exit codes: `busy` (EXIT.migration) if the previous step is still running; nothing is started then.
umask 077
mkdir -p "${base%/*}"
find "${base%/*}" -mindepth 1 -mtime +30 -delete
exec 9>> "$newest.lock"
flock 9
# `ended` checks the step of `$base`.
this=$base
if [ -s "$newest" ]; then
  base=$(head -n 1 "$newest")
  if ! ended; then exit "$busy"; fi
fi
base=$this
rm -f -- "$base.exit" "$base.lock"
{ echo 'set -eu -o pipefail'; cat; } > "$base.sh"
: > "$base.log"
printf '%s\n' "$base" "$record" > "$newest.next"
mv -T -- "$newest.next" "$newest"
# The step inherits its lock, descriptor 8, so it never runs without the lock.
exec 8> "$base.lock"
flock 8
setsid -f bash --norc -c 'bash --norc "$1.sh" > "$1.log" 2>&1; echo $? > "$1.exit.part"; mv "$1.exit.part" "$1.exit"' \
  bash "$base" 9>&- < /dev/null > /dev/null 2>&1
exec 8>&- 9>&-
