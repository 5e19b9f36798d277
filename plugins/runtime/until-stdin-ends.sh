#!/bin/bash -eu
# Runs a command until stdin ends, or until the command ends by itself; for `Host.spawn`.
#
# Parameters
#   follow  the command, which prints lines
#
# Exits with the code of the command, or is ended by SIGTERM at the end of stdin.

# Processes of root, such as those of sudo, do not get the signal. They end when they cannot write any more.
exec 3<&0
{ cat <&3; kill -TERM 0; } > /dev/null 2>&1 &
code=0
follow < /dev/null 2> /dev/null 3<&- || code=$?
trap '' TERM
kill -TERM 0
exit $code
