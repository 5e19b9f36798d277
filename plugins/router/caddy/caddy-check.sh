#!/bin/bash -eu
# Checks that Caddy runs, that the site is installed and served, that Caddy accepts its whole configuration, and that the application gets the requests.
#
# Parameters
#   site_file    the file of the site
#   test_config  tests the whole configuration
#   site_status  prints the HTTP status of /deployment_id, requested through the site
#   begin_guard  starts the request of the guard, or does nothing
#   end_guard    ends the script if the router answers instead of the application
#
# Output: Caddy's errors; or the path of the missing file; or the unexpected HTTP status.
# Exit codes: `down`, `missing`, `invalid`, `stale` (EXIT.router), and the guard's. An error that does not prevent a switch must end with 0, or the
# switch behind it in the pipeline is skipped.
export LC_ALL=C
if ! systemctl is-active --quiet caddy; then exit "$down"; fi
if ! [ -e "$site_file" ]; then
  echo "$site_file"
  exit "$missing"
fi
begin_guard
status=$(site_status) || :
case $status in
  200 | 503 | 3??) ;;
  *)
    echo "$status"
    exit "$stale"
    ;;
esac
code=0
said=$(test_config 2>&1) || code=$?
if [ $code != 0 ]; then
  printf '%s\n' "$said" | grep -v '^{"level":"info"' || :
  problem=$(grep -m 1 '^Error: ' <<< "$said") || exit "$invalid"
  case $problem in *"$site_file:"*) exit "$invalid" ;; esac
fi
end_guard
