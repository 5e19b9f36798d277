#!/bin/bash -eu
# Creates a service. Values of its variables are in no argument: the client has them in its environment, and is told their names; except for those that would
# change the client itself.
#
# Parameters
#   options  of `docker service create`
#   command  the image, and the arguments of the container
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
docker service create "${options[@]}" "${given[@]}" "${command[@]}" > /dev/null
