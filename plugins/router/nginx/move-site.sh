#!/bin/bash -eu
# Points the link of the enabled site to another site file, tests the configuration and reloads nginx. Restores the link if the test or the reload fails,
# or the next nginx start would activate a switch that we reported as failed. Does nothing if the link already has this target: after a failed test it was
# restored before any reload, and an unnecessary reload can lose requests.
#
# Parameters
#   enabled      possible paths of the link: the first one that exists is used, or else the first one
#   file         the site file that becomes the link's target
#   files        all site files of this application
#   none         the site file for when no slot is live
#   stage_link   creates a temporary link to its argument
#   swap_link    renames the temporary link to `$link`
#   config_test  tests the whole configuration
#   reload       reloads nginx
#   reloads      the text to print before the link is changed
#
# Exit codes: `invalid`, `not_reloaded` (EXIT.router); 1 if the path is not a symbolic link. The reason is printed to stderr.
link=
for path in "${enabled[@]}"; do
  if [ -e "$path" ] && ! [ -L "$path" ]; then echo "$path is not a symbolic link: move it away first." >&2; exit 1; fi
  if [ -z "$link" ] && [ -L "$path" ]; then link=$path; fi
done
link=${link:-${enabled[0]}}
before=$(readlink -- "$link" || :)
if [ "$before" = "$file" ]; then exit 0; fi
# An unknown target is only overwritten by a repair; there is no previous route to restore then.
case " ${files[*]} " in *" $before "*) ;; *) before=$none ;; esac
echo "$reloads"
point_to() { stage_link "$1"; swap_link; }
point_to "$file"
if ! config_test >&2; then
  point_to "$before"
  exit "$invalid"
fi
if ! reload >&2; then
  point_to "$before"
  exit "$not_reloaded"
fi
