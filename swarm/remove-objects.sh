#!/bin/bash -eu
# Deletes services, then what they used. An object that is gone already is no error.
#
# Parameters
#   label     of all containers of the application
#   services  their names
#   configs   their names
#   networks  their names
#   within    seconds to wait for the end of the tasks
# Needs the function `patient` (engine-api.sh).
gone() { if ! said=$(patient "$@" 2>&1) && [[ $said != *'not found'* && $said != *'No such'* ]]; then printf '%s\n' "$said" >&2; return 1; fi; }
for service in "${services[@]}"; do gone docker service rm "$service"; done
# The container that talks to the routers is of this run, and is on their network.
docker ps --quiet --filter "label=$label" | xargs -r docker rm --force > /dev/null 2>&1 || :
for config in "${configs[@]}"; do gone docker config rm "$config"; done
end=$((SECONDS + within))
for network in "${networks[@]}"; do
  # The engine keeps a network for a moment after the end of its last task, also one that it has agreed to delete: a setup would take that for its own.
  until said=$(gone docker network rm "$network" 2>&1) && ! docker network inspect "$network" > /dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then printf '%s\n' "${said:-$network is still in use}" >&2; exit 1; fi
    sleep 0.5
  done
done
