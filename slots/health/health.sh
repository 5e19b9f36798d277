#!/bin/bash -eu
# Requests a slot's health path until the check has passed, timed out, or the process is gone. The loop runs on the host, so that a wait costs one round
# trip and not one per try.
#
# Parameters
#   find_process  sets `process` to the pid of the slot's process, or to ''
#   ask           sends one request; prints the body, and on a line of its own the status and the target of a redirect. Exits with curl's code
#   wanted, soak  how many 200s in a row are required, and how many milliseconds they must span
#   within        timeout in milliseconds
#   every         seconds between two requests
#   filter        ss filter for the sockets on the slot's port, for `whose`
#   find_server   prints the pid of a server that may listen on the port in place of the process, or nothing
# Needs the functions `whose` (whose.sh) and `clock` (clock.ts).
#
# Prints, while it runs: `try`, tries, last status, last exit code of curl, 200s in a row, milliseconds; for the first try, after another answer than
# before, and once a second.
# Prints at its end: a line with outcome (`passed`, `late`: timed out, `down`: no process, `gone`: the process ended), tries, failures after the first response, last
# status, pid, last exit code of curl, target of a redirect; then the sockets, one per line, an empty line, and the last body.
clock; start=$now told='' told_at=0 since=0 tries=0 failed=0 passes=0 outcome=late status=000 redirect='' body='' code=0
find_process
while :; do
  if [ -z "$process" ]; then outcome=down; break; fi
  if ! [ -d "/proc/$process" ]; then outcome=gone; break; fi
  tries=$((tries + 1)) code=0
  answer=$(ask) || code=$?
  body=${answer%$'\n'*} status=${answer##*$'\n'} redirect=${status#* } status=${status%% *}
  if [ "$status" = 200 ]; then
    clock
    if [ $passes = 0 ]; then since=$now; fi
    passes=$((passes + 1))
    if [ $passes -ge "$wanted" ] && [ $((now - since)) -ge "$soak" ]; then outcome=passed; break; fi
  else
    if [ $passes -gt 0 ] || [ "$status" != 000 ]; then failed=$((failed + 1)); fi
    passes=0
  fi
  clock
  if [ "$status $code" != "$told" ] || [ $((now - told_at)) -ge 1000 ]; then
    told="$status $code" told_at=$now
    printf 'try %s %s %s %s %s\n' "$tries" "$status" "$code" "$passes" $((now - start))
  fi
  if [ $((now - start)) -ge "$within" ]; then break; fi
  sleep "$every"
done
sockets=$(whose "$filter" "$process" "$(find_server)")
if [ -n "$sockets" ]; then sockets+=$'\n'; fi
if [ -z "$sockets" ] && [ $outcome = passed ] && ! [ -d "/proc/$process" ]; then outcome=gone; fi
printf '%s %s %s %s %s %s %s\n%s\n%s' "$outcome" "$tries" "$failed" "$status" "$process" "$code" "$redirect" "$sockets" "$body"
