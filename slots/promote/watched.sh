#!/bin/bash -eu
# Ends the probes, not before the site was watched for long enough since the router was done, and each kind has the answer of a request that began
# after that: one that waits for a slot that hangs is waited for, or the new slot would never be asked.
#
# Parameters
#   dir       the folder of probe.sh
#   watch     microseconds to watch the site since the router was done
#   patience  seconds to wait for the answers
if [ -d "$dir" ]; then
  since=$(sed -n 's/ returned$//p' "$dir/moments")
  left=$(( since + watch - ${EPOCHREALTIME//[!0-9]/} ))
  if [ $left -gt 0 ]; then sleep "$(printf '%d.%06d' $(( left / 1000000 )) $(( left % 1000000 )))"; fi
  # Answers to requests that have ended since: of two, one began after it.
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
