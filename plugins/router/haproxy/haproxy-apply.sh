#!/bin/bash -eu
# Run as root: makes the running HAProxy read the installed files. Restarts it once, if it was not started with our folder, and reloads it from then on;
# always tests the whole configuration first. After a failed reload the old process continues and `systemctl` reports no error, so the script waits until
# the socket reports a new pid. Also run after a setup was undone, when our files are missing.
#
# Parameters
#   folder       our folder, which HAProxy is started with
#   drop_in      the file that makes systemd start it so
#   backend      the file of the application in that folder
#   lenient      the files of addresses that name a port alone: without IPv6 on the host they listen on IPv4
#   router       the folder of the application's maps
#   make_maps    creates those that are missing: HAProxy does not start without them
#   config_test  the command that tests the configuration
#   show_info    prints what the process says of itself
#   patience     seconds to wait for the new process after a reload
#
# Prints errors, on standard error. Exit code 1 if the files cannot be put in force.
refuse() { printf '%s\n' "$1" >&2; exit 1; }
has_folder() { tr '\0' '\n' < "/proc/$(systemctl show --property MainPID --value haproxy)/cmdline" | grep -xF -e "$folder" > /dev/null; }
worker() { show_info | sed -n 's/^Pid: //p'; }
begin=$(date +%s)
reasons() { journalctl --quiet --unit haproxy --since "@$begin" --output cat | grep -F '[ALERT]' >&2 || :; }
systemctl daemon-reload
if ! systemctl is-active --quiet haproxy; then refuse 'HAProxy is not running. Start it first: sudo systemctl start haproxy'; fi
if ! [ -e "$drop_in" ]; then
  if has_folder; then systemctl restart haproxy; fi
  exit 0
fi
if [ -d "$router" ]; then make_maps; fi
if ! [ -e /proc/net/if_inet6 ]; then for file in "${lenient[@]}"; do sed -i '/^ *bind \[::]:/d' "$file"; done; fi
"${config_test[@]}" >&2
if ! has_folder; then
  for file in /etc/default/haproxy /etc/sysconfig/haproxy; do
    if line=$(grep -E '^[[:space:]]*CONFIG=' "$file" 2> /dev/null) && [[ $line != *"$folder"* ]]; then
      refuse "$file sets CONFIG itself. Add -f $folder to it, and set its main file with config in the Taskfile."
    fi
  done
  if ! systemctl restart haproxy; then
    reasons
    rm -f -- "$drop_in"
    systemctl daemon-reload
    systemctl reset-failed haproxy
    systemctl restart haproxy
    exit 1
  fi
  exit 0
fi
before=$(worker)
systemctl reload haproxy
if ! [ -e "$backend" ]; then exit 0; fi
SECONDS=0
while [ $SECONDS -lt "$patience" ]; do
  now=$(worker)
  if [ -n "$now" ] && [ "$now" != "$before" ]; then exit 0; fi
  sleep 0.1
done
echo 'HAProxy did not accept the new configuration and continues with the previous one:' >&2
reasons
exit 1
