#!/bin/bash -eu
# Talks to all routers at once, from a container in their network. A router that does not answer is reported as silent, never left out.
#
# Parameters
#   patience  seconds that a router may take
#
# Arguments: `NODE=ADDRESS` for each router.
# Reads commands until stdin ends:
#   state                    prints `router NODE JSON` or `silent NODE` for each
#   move TO                  the same, after each was told to move to a route
#   ask SLOT HOST PATH       prints `answer NODE STATUS BODY` for each: the response of one task of the slot through that router, in base64
# and prints `over` after each.
send() {
  printf '%s' "$2" | timeout "$patience" bash -c 'exec 3<> "/dev/tcp/$1/9999"; cat >&3; cat <&3' _ "$1" 2> /dev/null
}
# The status and the body of a response.
split() {
  answer=${1//$'\r'/} status=${answer#* }
  status=${status%%[!0-9]*} body=${answer#*$'\n\n'}
}
tell() {
  if answer=$(send "$2" "$3") && split "$answer" && [ "$status" != '' ]; then
    if [ "$4" = ask ]; then printf 'answer %s %s %s\n' "$1" "$status" "$(printf %s "$body" | base64 -w 0)"; else printf 'router %s %s\n' "$1" "${body//$'\n'/}"; fi
  else
    printf 'silent %s\n' "$1"
  fi
}
while read -r verb first second third; do
  case $verb in
    state) request=$'GET /route HTTP/1.0\r\n\r\n' ;;
    move) request=$(printf 'POST /route HTTP/1.0\r\nX-To: %s\r\nContent-Length: 0\r\n\r\n.' "$first"); request=${request%.} ;;
    ask) request=$(printf 'GET %s HTTP/1.0\r\nHost: %s\r\nX-Switchyard-Slot: %s\r\n\r\n.' "$third" "$second" "$first"); request=${request%.} ;;
    *) continue ;;
  esac
  for router in "$@"; do tell "${router%%=*}" "${router#*=}" "$request" "$verb" & done
  wait
  echo over
done
