#!/bin/bash -eu
# Run as root after a file has changed: enables the site unless it is enabled, tests the whole configuration and reloads nginx. Checks with `nginx -T` that
# nginx reads the link. If that or the test fails, a link that was just made is removed again, because it could prevent the next start of nginx.
#
# Parameters
#   nginx        path of the program
#   config_test  the command that tests the configuration
#   reload       the command that reloads nginx
#   enabled      possible paths of the link; the first one that nginx reads is used
#   targets      the target of each link
#   lenient      site files whose IPv6 wildcard listeners are removed if the machine has no IPv6
#   unread       the error message if nginx reads none of the links
#
# Exits with 1 and an error message on stderr if the site cannot be enabled.
made='' found='' i=0
refuse() { if [ -n "$made" ]; then rm -f -- "$made"; fi; exit 1; }
valid() {
  local output
  if output=$("${config_test[@]}" 2>&1); then return 0; fi
  # Error 97 (EAFNOSUPPORT) means that the kernel has no IPv6. If IPv6 is only disabled by sysctl, nginx can still listen.
  if [ "${#lenient[@]}" -gt 0 ]; then
    case $output in *'socket() [::]:'*'failed (97:'*)
      sed -i '/^ *listen \[::]:[0-9]*;$/d' "${lenient[@]}"
      if output=$("${config_test[@]}" 2>&1); then return 0; fi ;;
    esac
  fi
  printf '%s\n' "$output" >&2
  return 1
}
reads() { "$nginx" -T 2>/dev/null | grep -xF -e "# configuration file $1:" > /dev/null; }
# The folder of a link may be missing although nginx includes its files, as right after a user has added the `include` line to the main file.
includes() { "$nginx" -T 2>/dev/null | grep -E -e "^[[:space:]]*include[[:space:]]+\"?([^;]*/)?${1##*/}/\\*" > /dev/null; }
for link in "${enabled[@]}"; do
  if [ -L "$link" ]; then found=$link; break; fi
done
if [ -n "$found" ]; then
  valid || exit 1
else
  for link in "${enabled[@]}"; do
    target=${targets[$i]} i=$((i + 1))
    if ! [ -d "${link%/*}" ]; then
      if [ "${#enabled[@]}" -gt 1 ] && ! includes "${link%/*}"; then continue; fi
      mkdir -p -- "${link%/*}"
    fi
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
