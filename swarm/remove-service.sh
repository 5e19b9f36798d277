#!/bin/bash -eu
# Stops the tasks of a service, waits until they have ended, and removes it. Does nothing if there is none.
#
# Parameters
#   service  its name
#   within   seconds to wait; the engine kills the tasks that are left
if ! docker service inspect --format x "$service" > /dev/null 2>&1; then exit 0; fi
mode=$(docker service inspect --format '{{if .Spec.Mode.Replicated}}replicated{{end}}' "$service")
if [ -n "$mode" ]; then
  docker service scale --detach "$service=0" > /dev/null
  end=$((SECONDS + within))
  until [ -z "$(docker service ps --format '{{.CurrentState}}' "$service" | grep -E '^(Running|Starting|Ready|Preparing)' || :)" ]; do
    if [ $SECONDS -ge $end ]; then break; fi
    sleep 0.3
  done
fi
docker service rm "$service" > /dev/null
