#!/bin/bash -eu
# Ends the probes once the site was watched for `watch` after the switch returned, and each kind has a response to a request that began after that. Without
# the second condition, a request that hangs in the previous slot could keep the new slot from being probed at all.
#
# Parameters
#   dir       the folder of probe.sh
#   watch     microseconds to watch the site after the switch returned
#   patience  timeout for the responses, in seconds
if [ -d "$dir" ]; then
  since=$(sed -n 's/ returned$//p' "$dir/moments")
  left=$(( since + watch - ${EPOCHREALTIME//[!0-9]/} ))
  if [ $left -gt 0 ]; then sleep "$(printf '%d.%06d' $(( left / 1000000 )) $(( left % 1000000 )))"; fi
  # Counts responses since then. Requests of a kind are sequential: of two responses, the second is to a request that began after the switch.
  count() {
    n=0
    while read -r at mark _; do
      if [ "$mark" = @ ] && [ "$at" -gt "$since" ]; then n=$(( n + 1 )); fi
    done < "$1"
  }
  late=$(( SECONDS + patience ))
  for name in fresh kept route; do
    while count "$dir/$name.said"; [ $n -lt 2 ] && [ $SECONDS -lt $late ]; do sleep 0.05; done
  done
  : > "$dir/end"
fi
