#!/bin/bash -eu
# Holds the lock of an application in the engine until stdin ends or no heartbeat arrives in time. The lock is the labels of a config object, and its version
# decides between two runs that want it at once. A manager that dies frees it: the lock says until when it holds. After the release it still names the last
# owner, who may undo changes until there is another one.
#
# Parameters
#   app   the application
#   lock  the name of the config object
#   id    of this run, which the scripts that write look for
#   wait  milliseconds to wait for the lock
#   ttl   seconds without a heartbeat after which the lock is released
# Needs the function `api` (engine-api.sh).
#
# Reads: one line with the owner, in base64; each further line is a heartbeat.
# Prints: `waiting OWNER`, each time that the owner changes; then `held`, `taken OWNER`, `missing`, or `failed` with what the engine said.
# Always exits with 0.
look() {
  text=''
  text=$(api "/configs/$lock") || return 1
  case $text in *$'\n'200) ;; *) return 1 ;; esac
  version=${text#*'"Index":'}; version=${version%%[!0-9]*}
}
label() { if [[ $text =~ \"$1\":\"([^\"]*)\" ]]; then printf %s "${BASH_REMATCH[1]}"; fi; }
# Succeeds if nobody else has changed the lock since the look.
put() {
  local body
  printf -v body '{"Name":"%s","Data":"e30=","Labels":{"switchyard.app":"%s"%s}}' "$lock" "$app" "$1"
  case $(api "/configs/$lock/update?version=$version" --request POST --header 'Content-Type: application/json' --data-binary "$body") in
    *$'\n'200) ;;
    *) return 1 ;;
  esac
}
mine=
own() { local until=$((EPOCHSECONDS + 2 * ttl)); put ",\"deploy\":\"$id\",\"owner\":\"$owner\",\"until\":\"$until\"" && mine=$until; }
IFS= read -r owner
end=$(( $(date +%s%3N) + wait )) last=
# A run whose manager was lost takes its own lock again, through another one.
free() { local until; until=$(label until); [ -z "$until" ] || [ "$until" -lt "$EPOCHSECONDS" ] || [ "$(label deploy)" = "$id" ]; }
until look && free && own; do
  if [ -z "${version-}" ]; then
    case ${text##*$'\n'} in 404) echo missing ;; *) printf 'failed %s\n' "${text//$'\n'/ }" ;; esac
    exit 0
  fi
  now=$(label owner)
  if [ "$(date +%s%3N)" -ge "$end" ]; then printf 'taken %s\n' "$now"; exit 0; fi
  if [ "$now" != "$last" ]; then printf 'waiting %s\n' "$now"; last=$now; fi
  code=0; IFS= read -r -t 1 _ || code=$?
  if [ $code -gt 0 ] && [ $code -le 128 ]; then exit 0; fi
done
echo held
missed=0
while IFS= read -r -t "$ttl" _; do
  # A manager that does not answer for a moment is asked again with the next heartbeat: the lock holds for twice as long. So is one that names another run,
  # because a manager that has just become the leader answers before it has applied the last changes.
  if look; then
    if [ "$(label deploy)" = "$id" ]; then missed=0; own || :; else missed=$((missed + 1)); fi
    if [ $missed -gt 1 ]; then exit 0; fi
  fi
done
# Unless the run has taken it again since, through another manager.
if look && [ "$(label deploy)" = "$id" ] && [ "$(label until)" = "$mine" ]; then put ",\"deploy\":\"$id\",\"owner\":\"$owner\"" || :; fi
