#!/bin/bash -eu
# Asks a site, on the router's host, on new connections, and counts which slot the router chose and what it answered.
#
# Parameters
#   options      the options of curl for every request
#   urls         what is requested, in turn
#   headers      prints further headers, for curl's --config
#   cookie       the cookie with a visitor's number
#   slot_header  the header of a response that names the slot, in lower case
#   health       the URL of the health path
#   numbers      the numbers to ask with; each twice
#   sample       how many requests to send without a number
#   most         seconds that these may take
#
# Prints: a line `body BASE64`, the answer of the health path with the first number; then lines `COUNT NUMBER SLOT STATUS`, some of them for the same three,
# with `any` for no number, `-` for no slot and 000 for no answer.
with() { if [ "$1" != any ]; then printf 'header = "Cookie: %s=%s"\n' "$cookie" "$1"; fi; }
ask() {
  local number=$1 count=$2 i
  {
    with "$number"
    for ((i = 0; i < count; i++)); do printf 'url = "%s"\noutput = "/dev/null"\n' "${urls[i % ${#urls[@]}]}"; done
  } | { timeout "$most" curl "${options[@]}" --dump-header - --write-out '\n@ %{http_code}\n' --config - 2> /dev/null || :; } |
    awk -v number="$number" -v name="$slot_header:" '
      { sub(/\r$/, "") }
      tolower($1) == name { slot = $2 }
      $1 == "@" { print number, slot == "" ? "-" : slot, $2; slot = "" }' |
    sort | uniq -c
}
body=$({ headers; with "${numbers[0]}"; } | curl "${options[@]}" --config - "$health" 2> /dev/null | base64 -w 0 || :)
printf 'body %s\n' "$body"
for number in "${numbers[@]}"; do ask "$number" 2; done
# Side by side, so that slow answers do not add up. Each prints only its counts: longer output of several would be mixed within a line.
for part in 0 1 2 3; do
  count=$(((sample + part) / 4))
  if [ $count -gt 0 ]; then ask any $count & fi
done
wait
