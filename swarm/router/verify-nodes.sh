#!/bin/bash -eu
# Requests the site of each node on fresh connections, until enough consecutive responses name the route, or the time is over.
#
# Parameters
#   nodes       `NODE=URL` for each, where the URL has no path
#   slot        that has to answer
#   generation  of the route
#   path        that the application answers with its version
#   site        the host name to ask for
#   answers     number of consecutive responses that are required
#   within      seconds
# Prints for each node: `node NODE COUNT STATUS BODY`, the last response of the application in base64; or `node NODE no WHY`.
verify() {
  local node=${1%%=*} url=${1#*=} end=$((SECONDS + within)) matched=0 count=0 last='' code=0
  until [ $matched -ge "$answers" ]; do
    if [ $SECONDS -ge $end ]; then printf 'node %s no %s\n' "$node" "$last"; return; fi
    count=$((count + 1)) code=0
    last=$(curl -q -sS -i -m 2 -H "Host: $site" "$url/deployment_id" 2>&1) || code=$?
    last=${last//$'\r'/}
    if [ $code = 0 ] && [ "${last##*$'\n\n'}" = "$slot" ] && [[ $last == *$'\n'[Xx]-[Dd]eployment-[Gg]eneration:\ "$generation"$'\n'* ]]; then
      matched=$((matched + 1))
    else
      matched=0
      if [ $code = 0 ]; then last="answers $(head -n 1 <<< "$last") for ${last##*$'\n\n'}"; else last="does not answer: ${last##*curl: }"; fi
      last=${last//$'\n'/ }
      sleep 0.05
    fi
  done
  last=$(curl -q -sS -m 5 -H "Host: $site" --write-out '\n%{http_code}' "$url$path" 2>&1) || :
  printf 'node %s %s %s %s\n' "$node" "$count" "${last##*$'\n'}" "$(base64 -w 0 <<< "${last%$'\n'*}")"
}
for each in "${nodes[@]}"; do verify "$each" & done
wait
