#!/bin/bash -eu
# Reloads sshd, and waits until it has begun anew: it opens its sockets again then. Until that it would accept logins as before.
unit=ssh
if ! systemctl cat "$unit" > /dev/null 2>&1; then unit=sshd; fi
main=$(systemctl show -p MainPID --value "$unit" 2>/dev/null || :)
sockets() { readlink /proc/"${main:-0}"/fd/* 2>/dev/null | grep '^socket:' | sort || :; }
before=$(sockets)
systemctl reload "$unit"
for ((tries = 0; tries < 50; tries++)); do
  now=$(sockets)
  if [ -z "$before" ]; then break; fi
  if [ "$now" != "$before" ] && [ "$(wc -l <<< "$now")" -ge "$(wc -l <<< "$before")" ]; then break; fi
  sleep 0.1
done
