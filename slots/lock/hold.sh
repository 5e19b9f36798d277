#!/bin/bash -eu
# Holds the lock of an application, until its input ends or pauses for too long. The same open file carries the lock and the words about its owner, so
# they cannot be told apart by a crash. They stay when it is let go: then they say who had it last.
#
# Parameters
#   lock         the lock's file
#   maintenance  the file that is there while nobody gets the lock
#   wait         milliseconds to wait for it
#   ttl          seconds without a heartbeat after which it is let go
#
# Reads: a line that says who takes it; each further line is a heartbeat.
# Prints: `waiting OWNER`, each time that it is somebody else; then `held`, and `released` at the end, or one of `taken OWNER`, `closed WORDS`, `unwritable`.
# Always exits with 0.
if [ -O "$lock" ] && ! [ -w "$lock" ]; then echo unwritable; exit 0; fi
exec 9>> "$lock"
IFS= read -r owner
end=$(( $(date +%s%3N) + wait )) said=
until flock -n 9; do
  now=$(tr '\n' ' ' < "$lock")
  if [ "$(date +%s%3N)" -ge "$end" ]; then printf 'taken %s\n' "$now"; exit 0; fi
  if [ "$now" != "$said" ]; then printf 'waiting %s\n' "$now"; said=$now; fi
  code=0; IFS= read -r -t 0.5 _ || code=$?
  if [ $code -gt 0 ] && [ $code -le 128 ]; then exit 0; fi
done
if [ -e "$maintenance" ]; then printf 'closed %s\n' "$(tr '\n' ' ' < "$maintenance")"; exit 0; fi
printf '%s\n' "$owner" > "$lock"
printf 'held\n'
while IFS= read -r -t "$ttl" _; do :; done
printf 'released\n' >&9
