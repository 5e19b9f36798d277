#!/bin/bash -eu
# Asks each slot of a site through its router, on new connections, once a second until its stdin ends.
#
# Parameters
#   options  the options of curl for every request
#   urls     what is requested, in turn
#   cookie   the cookie with a visitor's number
#   numbers  a number for each slot
#   round    how many requests each of them gets in a second
#
# Prints: after each second a line `NUMBER FAILED NUMBER FAILED`: how many of the requests failed, with a 5xx status or without an answer.
# All side by side, so that one that hangs does not hold up the others.
ask() {
  local number=$1 i
  {
    printf 'header = "Cookie: %s=%s"\n' "$cookie" "$number"
    for ((i = 0; i < round; i++)); do printf 'url = "%s"\noutput = "/dev/null"\n' "${urls[i % ${#urls[@]}]}"; done
  } | { curl "${options[@]}" --parallel --write-out '\n@ %{http_code}\n' --config - 2> /dev/null || :; } |
    awk -v number="$number" -v round="$round" '
      $1 == "@" && $2 >= 200 && $2 < 500 { good++ }
      END { print number, round - good }'
}
while :; do
  end=$(( ${EPOCHREALTIME//[!0-9]/} + 1000000 ))
  said=$(for number in "${numbers[@]}"; do ask "$number" & done; wait)
  printf '%s\n' "${said//$'\n'/ }"
  left=$(( end - ${EPOCHREALTIME//[!0-9]/} )) code=0
  if [ $left -lt 1000 ]; then left=1000; fi
  read -r -t "$(printf '%d.%06d' $((left / 1000000)) $((left % 1000000)))" || code=$?
  if [ $code -gt 0 ] && [ $code -le 128 ]; then break; fi
done
