#!/bin/bash -eu
# Moves the link of the enabled site, tests the configuration and reloads. Puts the link back, before any reload, when the test fails, and also when
# nginx cannot be told: its next start must not make a switch that we reported as failed. Where the link is there already it does nothing: after a
# refusal it was put back before any reload, and one now would cost requests.
#
# Parameters
#   enabled      places of the link: the first that is there, or else the first
#   file         the site file that it is to name
#   files        all site files of this application
#   none         the one that says that no slot is live
#   aim          makes a temporary link that names the file that is its argument
#   swap         puts the temporary link into the place that is `$link`
#   config_test  tests the whole configuration
#   reload       has it read
#   reloads      what is printed when the link was not there already
#
# Exit codes: `invalid`, `not_reloaded` (EXIT.router); 1 when what stands there is no link. Why is on standard error.
link=
for path in "${enabled[@]}"; do
  if [ -e "$path" ] && ! [ -L "$path" ]; then echo "$path is no link: move it away first" >&2; exit 1; fi
  if [ -z "$link" ] && [ -L "$path" ]; then link=$path; fi
done
link=${link:-${enabled[0]}}
before=$(readlink -- "$link" || :)
if [ "$before" = "$file" ]; then exit 0; fi
# A route that cannot be read is put right by a repair: then there is none to go back to.
case " ${files[*]} " in *" $before "*) ;; *) before=$none ;; esac
echo "$reloads"
move() { aim "$1"; swap; }
move "$file"
if ! config_test >&2; then
  move "$before"
  exit "$invalid"
fi
if ! reload >&2; then
  move "$before"
  exit "$not_reloaded"
fi
