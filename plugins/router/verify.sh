#!/bin/bash -eu
# Asks a site again and again, on the host itself, until enough answers in a row are the route's, or the time is over. A slow host that has begun to
# give the right answers by then is asked to the end.
#
# Parameters
#   ask              one question, which may take `$limit` seconds; prints the answer with its headers, exits as curl does
#   wanted           exit code of curl, status and body of the route's answer
#   same             succeeds when what `generation` prints is the route's
#   answers          how many in a row
#   within           milliseconds
#   ask_application  prints a line with what the application says, in base64, and `failed` behind it where that is not all; or an empty line
#
# Prints: `1` or `0`, the number of questions, milliseconds until the first answer of the route or `-`, the exit code of the last curl; the application's
# line; the last answer.
now() { date +%s%N; }
generation() {
  local name value
  while IFS=: read -r name value; do
    if [ "${name,,}" = x-deployment-generation ]; then read -r value <<< "$value"; printf %s "$value"; fi
  done <<< "$head"
}
begin=$(now) passed=0 asked=0 row=0 first=-
while :; do
  limit=$(( (within - passed) / 1000 + 1 ))
  if [ $limit -lt 1 ] || [ $limit -gt 5 ]; then limit=5; fi
  asked=$((asked + 1)) code=0
  answer=$(ask 2>&1) || code=$?
  passed=$(( ($(now) - begin) / 1000000 ))
  answer=${answer//$'\r'/}
  head=${answer%%$'\n\n'*} body=${answer#*$'\n\n'}
  said=${head#HTTP/* } said=${said%%[[:space:]]*}
  if [ "$code $said $body" = "$wanted" ] && same; then row=$((row + 1)); else row=0; fi
  if [ $row = 1 ] && [ $first = - ]; then first=$passed; fi
  if [ $row -ge "$answers" ]; then
    echo "1 $asked $first $code"
    ask_application
    break
  fi
  if [ $row = 0 ] && [ $passed -ge "$within" ]; then echo "0 $asked $first $code"; echo; break; fi
  if [ $row = 0 ]; then sleep 0.05; fi
done
printf '%s\n' "$answer"
