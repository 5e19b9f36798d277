#!/bin/bash -eu
# Sends requests to a site, on the host itself, until enough consecutive responses match the route or the time limit is reached. At the time limit it
# continues as long as the responses match, so that a slow host can complete the series.
#
# Parameters
#   request              sends one request with a timeout of `$limit` seconds; prints the response with its headers and exits like curl
#   wanted               curl's exit code, status and body of a response that matches the route
#   same_generation      succeeds if `generation` prints the generation of the route
#   answers              number of consecutive matching responses that are required
#   within               time limit in milliseconds
#   request_application  prints one line: the application's response in base64, followed by ` failed` if it is incomplete; or an empty line
# Needs the function `clock` (clock.ts).
#
# Prints: one line with `1` or `0`, the number of requests, the milliseconds until the first matching response or `-`, and the exit code of the last curl;
# then the line of `request_application`; then the last response.
generation() {
  local name value
  while IFS=: read -r name value; do
    if [ "${name,,}" = x-deployment-generation ]; then read -r value <<< "$value"; printf %s "$value"; fi
  done <<< "$head"
}
clock; begin=$now elapsed=0 asked=0 matched=0 first=-
while :; do
  limit=$(( (within - elapsed) / 1000 + 1 ))
  if [ $limit -lt 1 ] || [ $limit -gt 5 ]; then limit=5; fi
  asked=$((asked + 1)) code=0
  answer=$(request 2>&1) || code=$?
  clock; elapsed=$((now - begin))
  answer=${answer//$'\r'/}
  head=${answer%%$'\n\n'*} body=${answer#*$'\n\n'}
  status=${head#HTTP/* } status=${status%%[[:space:]]*}
  if [ "$code $status $body" = "$wanted" ] && same_generation; then matched=$((matched + 1)); else matched=0; fi
  if [ $matched = 1 ] && [ $first = - ]; then first=$elapsed; fi
  if [ $matched -ge "$answers" ]; then
    echo "1 $asked $first $code"
    request_application
    break
  fi
  if [ $matched = 0 ] && [ $elapsed -ge "$within" ]; then echo "0 $asked $first $code"; echo; break; fi
  if [ $matched = 0 ]; then sleep 0.05; fi
done
printf '%s\n' "$answer"
