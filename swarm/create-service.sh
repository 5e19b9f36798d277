#!/bin/bash -eu
# Creates a service. Values of its variables are in no argument: the client has them in its environment, and is told their names; except for those that would
# change the client itself.
#
# Parameters
#   name     of the service
#   deploy   the run that creates it, which is also one of its labels
#   options  of `docker service create`
#   command  the image, and the arguments of the container
# Needs the function `patient` (engine-api.sh).
#
# Reads: `NAME=VALUE`, each with a NUL behind it.
own=' BASH_ENV DOCKER_API_VERSION DOCKER_CERT_PATH DOCKER_CONFIG DOCKER_CONTENT_TRUST DOCKER_CONTEXT DOCKER_HOST DOCKER_TLS DOCKER_TLS_VERIFY HOME IFS'
own+=' LD_LIBRARY_PATH LD_PRELOAD PATH TMPDIR XDG_CONFIG_HOME XDG_RUNTIME_DIR '
given=()
while IFS= read -r -d '' pair; do
  case $own in
    *" ${pair%%=*} "*) given+=(--env "$pair") ;;
    *) export "${pair?}"; given+=(--env "${pair%%=*}") ;;
  esac
done
if patient docker service create --name "$name" "${options[@]}" "${given[@]}" "${command[@]}"; then exit 0; fi
# The answer to an earlier attempt may have been lost with the leader.
[ "$(docker service inspect --format '{{index .Spec.Labels "switchyard.deploy"}}' "$name")" = "$deploy" ]
