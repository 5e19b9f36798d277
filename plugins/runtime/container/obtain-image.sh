#!/bin/bash -eu
# Gives the image of a release to the engine: from the release itself, or from a registry.
#
# Parameters
#   prepare   engine-shell.sh
#   registry  the one that the login is for; empty without a login
#
# Reads: a file with the login, for both engines. It is kept in a folder of its own while the engine pulls, in memory if the account has such a place.
# Prints: the name of the image, then `there`, `loaded` or `pulled`. What the engine says goes to stderr.
# Exit codes: `image_refused` if the engine does not take it, `registry_failed` if it does not get it from the registry.
prepare
echo "${from:-$image}"
if loaded; then echo there; exit 0; fi
if [ -z "$from" ]; then
  load >&2 || exit "$image_refused"
  echo loaded
  exit 0
fi
case $from in
  "$registry"/*)
    if [ -d "$XDG_RUNTIME_DIR" ]; then place=$XDG_RUNTIME_DIR; else place=/tmp; fi
    private=$(mktemp -d "$place/switchyard.XXXXXX")
    trap 'trap "" HUP INT TERM PIPE; rm -rf -- "$private"' EXIT
    (umask 077; cat > "$private/config.json")
    export DOCKER_CONFIG=$private REGISTRY_AUTH_FILE=$private/config.json
    ;;
esac
pull >&2 < /dev/null || exit "$registry_failed"
echo pulled
