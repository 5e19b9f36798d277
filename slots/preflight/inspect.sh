#!/bin/bash -eu
# Collects everything that the preflight evaluates. It never takes the lock, not even briefly: /proc/locks shows whether somebody holds it.
#
# Parameters
#   releases        the folder of all releases
#   lock            the lock file
#   record          the file that exists if the release is already on the host
#   environments    the environment files of the slots
#   mounts          prints the section `mounts`
#   find_pids       appends the pid of each slot's process to the array `pids`; '' for none
#   check_sudo    prints the sections `sudo` and `denied`, each with its heading
#   request_health  calls `healthy INDEX RESPONSE` for each slot in the background
#   closed          prints the section `closed`
#   application     prints the section `application` with its heading, or nothing
#   unmeasured      prints the section `unmeasured` with its heading, or nothing
# Needs the function `whose` (whose.sh).
#
# Prints: sections, each after a heading of `@@` and its name.
export LC_ALL=C
echo '@@ clock'; date +%s%3N
echo '@@ disk'; df -B1 --output=avail,itotal,iavail,target "$releases" 2>/dev/null | tail -n 1 || :
echo '@@ mounts'; mounts
echo '@@ sockets'; pids=()
find_pids
whose '' "${pids[@]}"
echo; check_sudo
echo '@@ answers'
healthy() { local status=${2##*$'\n'} body; status=${status%% *} body=${2:0:1500}; printf '%s %s %s\n' "$1" "$status" "${body//$'\n'/ }"; }
request_health
wait
echo '@@ environments'; for file in "${environments[@]}"; do
  if [ -e "$file" ] && [ "$(stat -c %a "$file")" != 600 ] || [ -e "$file" ] && ! [ -r "$file" ]; then printf '%s\n' "$file"; fi
done
echo '@@ busy'; if [ -s "$lock" ] && grep -q ":$(stat -c %i "$lock") " /proc/locks; then cat "$lock"; fi
echo '@@ last'; if [ -s "$lock" ]; then sed -n 1p "$lock"; fi
echo '@@ closed'; closed
echo '@@ there'; if [ -e "$record" ]; then echo yes; fi
application
unmeasured
