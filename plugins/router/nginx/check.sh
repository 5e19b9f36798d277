#!/bin/bash -eu
# Whether nginx runs, knows the site, and accepts its whole configuration; and whether the application is asked at all.
#
# Parameters
#   service       of nginx
#   nginx         the program
#   know_all      calls `known FILE...` for each list of files, one of which must be there
#   config_test   tests the whole configuration
#   others_alone  ends the script unless nginx complains in `$said` of a file that is none of ours
#   ask_through   begins to ask the site, or nothing
#   judge_guard   ends the script when somebody else answered for the application
#
# Prints: what nginx says against its configuration; the path that is missing; the status of the answer that is not the application's.
# Exit codes: `down`, `missing` (EXIT.router), and those of the functions that are given. What does not keep the traffic from moving must end with 0, or the
# switch behind it in the batch is skipped.
export LC_ALL=C
if ! systemctl is-active --quiet "$service" 2>/dev/null; then
  pid=$(cat "$("$nginx" -V 2>&1 | tr ' ' '\n' | sed -n 's/^--pid-path=//p')" 2>/dev/null || :)
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null || :)" != nginx ]; then exit "$down"; fi
fi
known() {
  for file; do if [ -e "$file" ]; then return 0; fi; done
  echo "$1"
  exit "$missing"
}
know_all
ask_through
code=0
said=$(config_test 2>&1) || code=$?
if [ $code != 0 ]; then
  printf '%s\n' "$said"
  others_alone
fi
judge_guard
