#!/bin/bash -eu
# Prints entries of the journal, newest first, until there are enough.
#
# Parameters
#   journal   prints all entries of a unit, newest first, one a line
#   recent    copies entries to stdout up to the first that is too old
#   matching  copies the wanted ones to stdout, at most so many
#
# Prints: the time of the host in microseconds since 1970, then the entries.
# Exits with the code of `journal`, which is ended by SIGPIPE when there are enough.
date +%s%6N
set +e
journal | recent | matching
codes=("${PIPESTATUS[@]}")
if [ "${codes[0]}" = 141 ]; then exit 0; fi
exit "${codes[0]}"
