#!/bin/bash -eu
# Run as root after a file has changed that a server block of the user's own includes: tests the whole configuration and reloads nginx.
#
# Parameters
#   config_test  the command that tests the configuration
#   reload       reloads nginx, and waits until it has the new configuration
"${config_test[@]}"
reload
