#!/bin/bash -eu
# Stops the tasks of a service, waits until they have ended, and removes it. Does nothing if there is none.
#
# Parameters
#   service  its name
#   within   seconds to wait; the engine kills the tasks that are left
# Needs the functions `api`, `leaderless` and `patient` (engine-api.sh).
found=$(api "/services/$service")
case ${found##*$'\n'} in
  404) exit 0 ;;
  200) ;;
  *) printf '%s\n' "$found" >&2; exit 1 ;;
esac
if [[ $found == *'"Replicated":{'* ]]; then
  patient docker service scale --detach "$service=0"
  end=$((SECONDS + within))
  until tasks=$(docker service ps --format '{{.CurrentState}}' "$service" 2> /dev/null) && ! grep -qE '^(Running|Starting|Ready|Preparing)' <<< "$tasks"; do
    if [ $SECONDS -ge $end ]; then break; fi
    sleep 0.3
  done
fi
patient docker service rm "$service" || { found=$(api "/services/$service"); [ "${found##*$'\n'}" = 404 ]; }
