#!/bin/bash -eu
# Runs as root after a file has changed: tests the whole configuration, then reloads Caddy. If the reload fails, the running process continues as before.
# After a setup that was undone, the same script restores the previous state.
#
# Parameters
#   site_file     the file of the site
#   config        the host's main Caddyfile
#   config_test   the command that tests the configuration
#   user          the deploying user
#   router        the folder that contains the live link
#   not_imported  the error message if the configuration does not import the file; empty if a person adds the import after the setup
#
# Output: errors, on standard error. Exit code 1 if the file cannot be put in force.
refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}
as_caddy() { setpriv --reuid caddy --regid caddy --init-groups --reset-env "$@"; }
begin=$(date +%s)
reload() {
  if systemctl reload caddy; then return 0; fi
  journalctl --quiet --unit caddy --since "@$begin" --output cat | grep -E '^Error: |"level":"error"' >&2 || :
  refuse 'Caddy did not accept the new configuration and continues with the previous one.'
}
if ! systemctl is-active --quiet caddy; then refuse 'Caddy is not running. Start it first: sudo systemctl start caddy'; fi
if ! [ -e "$site_file" ]; then
  reload
  exit 0
fi
if ! tr '\0' '\n' < "/proc/$(systemctl show --property MainPID --value caddy)/cmdline" | grep -xF -e "$config" > /dev/null; then
  refuse "Caddy was not started with $config. Set the option config in the Taskfile to its Caddyfile."
fi
# The link may have been set by another router, whose marker has another name: create the file that Caddy looks for.
target=$(readlink "$router/live" || :)
case $target in
  '' | */*) ;;
  *) runuser -u "$user" -- bash -c 'umask 022; mkdir -p "$1"; : >> "$1/${1##*/}"' - "$router/$target" ;;
esac
if ! as_caddy test -x "$router" || ! as_caddy test -r "$router"; then refuse "The user caddy cannot read the folder $router."; fi
"${config_test[@]}" > /dev/null
if [ -n "$not_imported" ]; then
  as_caddy /usr/bin/caddy adapt --adapter caddyfile --config "$config" 2> /dev/null | grep -F "\"$router\"" > /dev/null || refuse "$not_imported"
fi
reload
