#!/bin/bash -eu
# Holds the lock of an application until stdin ends or no heartbeat arrives in time. The lock file contains the owner and is itself what is locked, so
# a crash cannot separate the two. After the release it still names the last owner.
#
# Parameters
#   lock         the lock file
#   maintenance  a file; while it exists, nobody gets the lock
#   wait         milliseconds to wait for the lock
#   ttl          seconds without a heartbeat after which the lock is released
#   destination  of this run, or empty; a lock whose last owner had another one is refused
#
# Reads: one line with the owner; each further line is a heartbeat.
# Prints: `waiting OWNER`, each time that the owner changes; then `held`, or one of `taken OWNER`, `closed REASON`,
# `other DESTINATION`, `unwritable`.
# Always exits with 0.
if [ -O "$lock" ] && ! [ -w "$lock" ]; then echo unwritable; exit 0; fi
exec 9>> "$lock"
IFS= read -r owner
end=$(( $(date +%s%3N) + wait )) last=
until flock -n 9; do
  now=$(tr '\n' ' ' < "$lock")
  if [ "$(date +%s%3N)" -ge "$end" ]; then printf 'taken %s\n' "$now"; exit 0; fi
  if [ "$now" != "$last" ]; then printf 'waiting %s\n' "$now"; last=$now; fi
  code=0; IFS= read -r -t 0.5 _ || code=$?
  if [ $code -gt 0 ] && [ $code -le 128 ]; then exit 0; fi
done
if [ -e "$maintenance" ]; then printf 'closed %s\n' "$(tr '\n' ' ' < "$maintenance")"; exit 0; fi
if [ -n "$destination" ]; then
  last=$(sed -n '1s/.*"destination":"\([^"]*\)".*/\1/p' "$lock")
  if [ -n "$last" ] && [ "$last" != "$destination" ]; then printf 'other %s\n' "$last"; exit 0; fi
fi
printf '%s\n' "$owner" > "$lock"
printf 'held\n'
while IFS= read -r -t "$ttl" _; do :; done
printf 'released\n' >&9
