#!/bin/bash -eu
# Checks that each unit of a slot would be started when the slot becomes live: a slot that was stopped has none.
#
# Parameters
#   enabled  the folder that contains a link for each unit that its slot was started with
#   units    the units
#   names    the names of their processes, in the same order
#
# Prints: the name of each process that it looks at; the last one is the one that would not be started.
# Exit codes: `ended` (EXIT.process) if there is one.
for i in "${!units[@]}"; do
  printf '%s\n' "${names[i]}"
  if ! [ -L "$enabled/${units[i]}" ]; then exit "$ended"; fi
done
