#!/bin/bash -eu
# Run as root after the files of a site were deleted: tests the rest of the configuration, and reloads nginx if it runs.
#
# Parameters
#   nginx        path of the program
#   service      its unit
#   config_test  the command that tests the configuration
#   reload       reloads nginx, and waits until it has the new configuration
if [ -x "$nginx" ]; then "${config_test[@]}"; fi
if systemctl is-active --quiet "$service"; then
  reload
fi
