#!/bin/bash -eu
# Prints the log of a migration while it runs, until its task has ended.
#
# Parameters
#   service  its name
#   limit    seconds that it may take
# Needs the functions `elected`, `leaderless` and `waiting` (engine-api.sh).
#
# Prints each line of the log once, then `over STATE CODE ERROR`, where STATE is that of the task, or `late`.
printed=0
show() {
  local log
  # It ends late while a node is away, and what it says without a leader is no output of the migration.
  log=$(timeout 20 docker service logs --raw "$service" 2>&1) || [ $? = 124 ] || return 0
  if [ -z "$log" ]; then return; fi
  tail -n +$((printed + 1)) <<< "$log"
  printed=$(wc -l <<< "$log")
}
end=$((SECONDS + limit))
while :; do
  if tasks=$(docker service ps --no-trunc --quiet "$service" 2>&1); then
    elected
  elif leaderless "$tasks" && waiting; then
    # The task goes on meanwhile.
    continue
  else
    printf '%s\n' "$tasks" >&2
    exit 1
  fi
  id=${tasks%%$'\n'*} state=
  if [ -n "$id" ]; then
    read -r state code error < <(docker inspect --type task --format '{{.Status.State}} {{with .Status.ContainerStatus}}{{.ExitCode}}{{else}}0{{end}} {{.Status.Err}}' "$id" 2> /dev/null || :) || :
  fi
  case $state in complete | failed | rejected | shutdown | orphaned) break ;; esac
  if [ $SECONDS -ge $end ]; then state=late code=0 error=; break; fi
  show
  sleep 0.5
done
# The engine delivers the last lines a moment after the end of the task.
sleep 1
show
printf 'over %s %s %s\n' "$state" "$code" "${error-}"
