#!/bin/bash -eu
# For root, after a file changed: enables the site unless it is, tests the whole configuration and reloads. Whether nginx reads the link is asked of
# nginx. When that or the test fails, a link that was just made is taken away again, so that the next start of nginx does not stumble over it.
#
# Parameters
#   nginx        the program
#   config_test  the command that tests the configuration
#   reload       the command that has it read
#   enabled      links, at the first of which that nginx really reads the site is enabled
#   targets      what each of them names
#   lenient      site files that do without their lines for all of IPv6 where the machine has none
#   unread       what to say when nginx reads none of them
#
# Exits with 1 and says why on standard error when it cannot be enabled.
made='' found='' i=0
refuse() { if [ -n "$made" ]; then rm -f -- "$made"; fi; exit 1; }
valid() {
  local said
  if said=$("${config_test[@]}" 2>&1); then return 0; fi
  # The kernel says 97 (EAFNOSUPPORT) where it has no IPv6 at all; where that is merely switched off, nginx can listen all the same.
  if [ "${#lenient[@]}" -gt 0 ]; then
    case $said in *'socket() [::]:'*'failed (97:'*)
      sed -i '/^ *listen \[::]:[0-9]*;$/d' "${lenient[@]}"
      if said=$("${config_test[@]}" 2>&1); then return 0; fi ;;
    esac
  fi
  printf '%s\n' "$said" >&2
  return 1
}
reads() { "$nginx" -T 2>/dev/null | grep -xF -e "# configuration file $1:" > /dev/null; }
for link in "${enabled[@]}"; do
  if [ -L "$link" ]; then found=$link; break; fi
done
if [ -n "$found" ]; then
  valid || exit 1
else
  for link in "${enabled[@]}"; do
    target=${targets[$i]} i=$((i + 1))
    if [ "${#enabled[@]}" = 1 ]; then mkdir -p -- "${link%/*}"; elif ! [ -d "${link%/*}" ]; then continue; fi
    ln -s -- "$target" "$link"
    made=$link
    valid || refuse
    if reads "$link"; then found=$link; break; fi
    rm -f -- "$link"
    made=
  done
fi
if [ -z "$found" ] || ! reads "$found"; then
  printf '%s\n' "$unread" >&2
  refuse
fi
"${reload[@]}"
