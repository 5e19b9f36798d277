#!/bin/bash -eu
# Asks a site for WebSockets, on new connections, and closes each at once.
#
# Parameters
#   options   the options of curl, with the headers of a handshake
#   urls      where
#   patience  seconds to wait for each answer
#
# Prints: for each URL a line with the status of its answer, 000 without one.
for url in "${urls[@]}"; do
  # An open WebSocket never ends by itself.
  exec {answer}< <(exec curl "${options[@]}" "$url" 2> /dev/null)
  asking=$! line=
  IFS= read -r -t "$patience" -u "$answer" line || :
  kill "$asking" 2> /dev/null || :
  exec {answer}<&-
  status=${line#HTTP/* }
  status=${status%%[!0-9]*}
  printf '%s\n' "${status:-000}"
done
