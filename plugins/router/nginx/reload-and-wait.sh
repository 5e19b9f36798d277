#!/bin/bash -eu
# Run as root: reloads nginx, and waits until no worker of the configuration before accepts connections. The command for a reload ends when nginx has the
# signal; what is asked right after it may still be answered by an old worker, or refused on a port that is new. The master tests an address only when it
# takes the configuration over, not in `nginx -t`: if that fails, the old workers go on and only the error log says so.
#
# Parameters
#   service     the unit of nginx
#   reload      the command that reloads nginx
#   not_loaded  the error message if the old workers go on, or have not ended their work in a minute
#
# Exits with 1 and the message, with nginx's own if there is one, on stderr.
master=$(systemctl show --property MainPID --value "$service" 2>/dev/null || :)
# Prints those of the processes `$1` that accept connections.
working() {
  local pid
  for pid in $1; do
    case $(tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline") in '' | *'is shutting down'*) ;; *) printf '%s ' "$pid" ;; esac
  done
}
left=$(working "$(cat "/proc/$master/task/$master/children" 2>/dev/null || :)")
# The standard error of a master that became a daemon is its error log.
errors() { tail -c "+$((size + 1))" -- "/proc/$master/fd/2" 2>/dev/null | grep -F '[emerg]'; }
size=$(stat -L -c %s -- "/proc/$master/fd/2" 2>/dev/null || echo 0)
"${reload[@]}"
for _ in {1..600}; do
  left=$(working "$left")
  if [ -z "$left" ]; then break; fi
  # It tries an address that is taken several times.
  case $(errors) in *'still could not bind'*) break ;; '' | *'bind() to '*) ;; *) break ;; esac
  sleep 0.1
done
if [ -n "$left" ]; then
  errors | sort -u -k 3 >&2 || :
  printf '%s\n' "$not_loaded" >&2
  exit 1
fi
