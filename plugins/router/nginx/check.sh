#!/bin/bash -eu
# Checks that nginx is running, that the site is installed, that the whole configuration is valid, and that requests reach the application.
#
# Parameters
#   service             the systemd unit of nginx
#   nginx               path of the program
#   require_files       calls `require_one_of FILE...` for each list of files
#   config_test         tests the whole configuration
#   require_foreign     exits unless the error in `$output` is in a file that is not ours
#   start_guard         starts a request to the site in the background, or does nothing
#   evaluate_guard      exits if the router answered in place of the application
#   certificate         prints what is wrong with the certificate, or does nothing
#
# Prints: what `certificate` prints; nginx's errors; or the missing path; or the status with which the router itself answered.
# Exit codes: `down`, `missing` (EXIT.router), and those of the given functions. Problems that do not prevent a switch must exit with 0, because a
# non-zero code skips the switch that follows in the pipeline.
export LC_ALL=C
if ! systemctl is-active --quiet "$service" 2>/dev/null; then
  pid=$(cat "$("$nginx" -V 2>&1 | tr ' ' '\n' | sed -n 's/^--pid-path=//p')" 2>/dev/null || :)
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null || :)" != nginx ]; then exit "$down"; fi
fi
require_one_of() {
  for file; do if [ -e "$file" ]; then return 0; fi; done
  echo "$1"
  exit "$missing"
}
require_files
start_guard
certificate
code=0
output=$(config_test 2>&1) || code=$?
if [ $code != 0 ]; then
  printf '%s\n' "$output"
  require_foreign
fi
evaluate_guard
