#!/bin/bash -eu
# Prepares a shell for the engine, and defines functions for the image and the containers of a release. The environment of the shell may be that of the
# application, which is not meant for the engine: its PATH, HOME and DOCKER_HOST are those inside of the container.
#
# Parameters
#   engine    the engine's program, and arguments for each of its commands
#   folder    the folder of the release
#   env_file  the environment file of the slot
#   options   arguments of `run` for each container
#
# Exit codes: `no_script` (EXIT.startable) if the release has no image, whose path it prints then.
# The variables that the engine's client, or a program that it runs, reads itself.
own='BASH_ENV CONTAINERS_CONF CONTAINERS_REGISTRIES_CONF CONTAINERS_STORAGE_CONF CONTAINER_CONNECTION CONTAINER_HOST CONTAINER_SSHKEY DOCKER_API_VERSION'
own+=' DOCKER_CERT_PATH DOCKER_CONFIG DOCKER_CONTENT_TRUST DOCKER_CONTEXT DOCKER_DEFAULT_PLATFORM DOCKER_HOST DOCKER_TLS DOCKER_TLS_VERIFY HOME'
own+=' LD_LIBRARY_PATH LD_PRELOAD PATH STORAGE_DRIVER STORAGE_OPTS TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR'
for variable in $own; do unset "$variable"; done
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
HOME=$(getent passwd "$EUID" | cut -d : -f 6)
XDG_RUNTIME_DIR=/run/user/$EUID
export HOME XDG_RUNTIME_DIR
case ${engine[0]} in
  */docker) as=$(id -u):$(id -g) ;;
  # The root of a rootless container is the account itself. At a boot its runtime folder may come late.
  *)
    as=0:0
    for _ in {1..300}; do if [ "$EUID" = 0 ] || [ -d "$XDG_RUNTIME_DIR" ]; then break; fi; sleep 0.1; done
    ;;
esac
# The name of the release's image, and if a registry has it, its name there, which has its digest.
named() { sed -n "s/.*\"$1\":\[\"\([^\"]*\)\"].*/\1/p" "$folder/image/manifest.json" 2> /dev/null || :; }
image=$(named RepoTags) from=$(named RepoDigests)
if [ -z "$image" ]; then echo image/manifest.json; exit "$no_script"; fi
loaded() { "${engine[@]}" image inspect "$image" > /dev/null 2>&1; }
pull() { "${engine[@]}" pull "$from" && "${engine[@]}" tag "$from" "$image"; }
# Gives the image to the engine, unless it has it.
load() {
  if loaded; then return; fi
  if [ -n "$from" ]; then pull > /dev/null; else tar -C "$folder/image" -cf - . | "${engine[@]}" load --quiet > /dev/null; fi
}
# Runs a line of bash with the variables of the environment file alone, which bash reads as systemd does.
in_env() { exec env -i /bin/bash --norc --noprofile -c "set -a; . \"\$0\"; $1" "$env_file" "${@:2}"; }
# contain NAME [OPTION...] -- [COMMAND...]: runs a command in a container of its own, and ends with its exit code. The engine takes the values from its
# environment, so that they are in no argument, except for those that would change the engine itself.
contain() {
  local name=$1 variable given=(); shift
  while [ "$1" != -- ]; do given+=("$1"); shift; done; shift
  for variable in $(in_env 'compgen -e'); do
    case " PWD OLDPWD SHLVL _ , $own " in
      *" $variable "*,*) ;;
      *" $variable "*) given+=(--env "$variable=$(in_env 'printf %s "${!1}"' "$variable")") ;;
      *) given+=(--env "$variable") ;;
    esac
  done
  "${engine[@]}" rm --force "$name" > /dev/null 2>&1 || :
  given=(run --rm --name "$name" --user "$as" "${options[@]}" "${given[@]}" "$image" "$@")
  in_env "unset $own; "'PATH=$1 HOME=$2 XDG_RUNTIME_DIR=$3; exec "${@:4}"' "$PATH" "$HOME" "$XDG_RUNTIME_DIR" "${engine[@]}" "${given[@]}"
}
