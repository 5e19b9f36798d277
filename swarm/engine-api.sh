#!/bin/bash -eu
# Functions that ask the engine of a manager. When the leader of the managers is lost, the others elect a new one, which takes 5 to 20 seconds; whoever asks
# meanwhile is refused. So a refusal for the want of a leader is no answer yet: the same is asked again.
#
# Parameters
#   election  seconds, from the start of the script or the last call of `elected`, that it waits for a leader
engine=${DOCKER_HOST:-unix:///var/run/docker.sock}
elected() { patience=$((SECONDS + election)); }
elected
waiting() { if [ $SECONDS -ge $patience ]; then return 1; fi; sleep 0.5; }
# Whether a text is such a refusal. Only a response of a server's fault is.
leaderless() {
  case ${1##*$'\n'} in 2?? | 4??) return 1 ;; esac
  [[ $1 =~ 'does not have a leader'|[Dd]eadline\ ?[Ee]xceeded|'code = Unavailable'|'lost quorum'|'no elected primary' ]]
}
# Sends a request with the standard input `$body`. Prints what the engine answers, and then the status on a line of its own.
api() {
  local text code
  while :; do
    code=0
    text=$(curl -q -sS --max-time 30 --unix-socket "${engine#unix://}" --write-out '\n%{http_code}' "${@:2}" "http://engine$1" <<< "${body-}") || code=$?
    # The engine itself gives a request up after 20 s, so a longer silence is the same.
    if { [ $code = 28 ] || leaderless "$text"; } && waiting; then continue; fi
    printf '%s\n' "$text"
    return $code
  done
}
# Runs a command of the engine's client, without its output.
patient() {
  local said code
  while :; do
    code=0
    said=$("$@" 2>&1 > /dev/null) || code=$?
    if [ $code != 0 ] && leaderless "$said" && waiting; then continue; fi
    if [ $code != 0 ]; then printf '%s\n' "$said" >&2; fi
    return $code
  done
}
