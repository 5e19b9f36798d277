#!/bin/bash -eu
# Starts the router of a node, in its container. A node that was away, or is new, takes the newest route of the other routers: its own may be old.
#
# Parameters
#   peers  the name of all routers, on the network that only they are on
#
# A route is `<slot>.<term>-<id>`; the term counts the switches, so the highest is the newest.
file=/route/live.map
term() { local generation=${1#*.}; printf %s "${generation%%-*}"; }
ask() {
  timeout 2 bash -c 'exec 3<> "/dev/tcp/$1/9999"; printf "GET /route HTTP/1.0\r\n\r\n" >&3; cat <&3' _ "$1" 2> /dev/null |
    sed -n 's/.*"route":"\([a-z0-9_]*\.[A-Za-z0-9-]*\)".*/\1/p'
}
route=none.0
if read -r _ own < "$file"; then route=${own:-none.0}; fi 2> /dev/null
for address in $(getent ahostsv4 "$peers" | cut -d ' ' -f 1 | sort -u); do
  theirs=$(ask "$address" || :)
  if [ -n "$theirs" ] && [ "$(term "$theirs")" -gt "$(term "$route")" ]; then route=$theirs; fi
done
printf 'live %s\n' "$route" > "$file.next"
mv "$file.next" "$file"
chown -R haproxy:haproxy /route
exec haproxy -W -db -f /switchyard/haproxy.cfg
