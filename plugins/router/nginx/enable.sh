#!/bin/bash -eu
# Run as root after a file has changed: enables the site unless it is enabled, tests the whole configuration and reloads nginx. Checks with `nginx -T` that
# nginx reads the link. If that or the test fails, a link that was just made is removed again, because it could prevent the next start of nginx.
#
# Parameters
#   nginx        path of the program
#   config_test  the command that tests the configuration
#   reload       reloads nginx, and waits until it has the new configuration
#   enabled      possible paths of the link; the first one that nginx reads is used
#   targets      the target of each link
#   lenient      site files whose IPv6 wildcard listeners are removed if the machine has no IPv6
#   unread       the error message if nginx reads none of the links
#   http2_link   the link to the lines for HTTP/2, or an empty text; `http2_directive` (nginx 1.25.1 and later) and `http2_parameter` are its targets
#
# Exits with 1 and an error message on stderr if the site cannot be enabled.
made='' found='' i=0
refuse() { if [ -n "$made" ]; then rm -f -- "$made"; fi; exit 1; }
# Both correct a file, and fail if there is nothing left to correct.
older() {
  if [ -z "$http2_link" ] || [ "$(readlink -- "$http2_link")" = "$http2_parameter" ]; then return 1; fi
  ln -sfn -- "$http2_parameter" "$http2_link"
}
without_ipv6() {
  if [ "${#lenient[@]}" = 0 ] || ! grep -qs '^ *listen \[::]:[0-9]*\( ssl\( http2\)\{0,1\}\)\{0,1\};$' "${lenient[@]}"; then return 1; fi
  sed -i '/^ *listen \[::]:[0-9]*\( ssl\( http2\)\{0,1\}\)\{0,1\};$/d' "${lenient[@]}"
}
valid() {
  local output
  while :; do
    if output=$("${config_test[@]}" 2>&1); then return 0; fi
    case $output in
      *'unknown directive "http2"'*) older || break ;;
      # Error 97 (EAFNOSUPPORT) means that the kernel has no IPv6. If IPv6 is only disabled by sysctl, nginx can still listen.
      *'socket() [::]:'*'failed (97:'*) without_ipv6 || break ;;
      *) break ;;
    esac
  done
  printf '%s\n' "$output" >&2
  return 1
}
reads() { "$nginx" -T 2>/dev/null | grep -xF -e "# configuration file $1:" > /dev/null; }
# The folder of a link may be missing although nginx includes its files, as right after a user has added the `include` line to the main file.
includes() { "$nginx" -T 2>/dev/null | grep -E -e "^[[:space:]]*include[[:space:]]+\"?([^;]*/)?${1##*/}/\\*" > /dev/null; }
if [ -e "$http2_directive" ]; then ln -sfn -- "$http2_directive" "$http2_link"; fi
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
reload
