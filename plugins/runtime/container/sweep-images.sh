#!/bin/bash -eu
# Removes the images of an application whose releases are gone, from the engine. One that a container still uses stays until the next time. Fails never,
# because the next run does what this one could not.
#
# Parameters
#   engine      the engine's program, and arguments for each of its commands
#   repository  the name of the application's images, without a tag
#   releases    the folder of all releases
#
# Prints nothing.
HOME=$(getent passwd "$EUID" | cut -d : -f 6)
XDG_RUNTIME_DIR=/run/user/$EUID
export HOME XDG_RUNTIME_DIR
# Podman refuses to work in a folder that the account cannot enter.
cd /
{
  "${engine[@]}" images --format '{{.Repository}}:{{.Tag}}' | while IFS= read -r image; do
    # Other tags are not those of a release: `build` is the image that the engine of this machine has just built.
    case ${image#"$repository":} in "$image"|*[!0-9a-f]*) continue ;; esac
    if grep -qsF "\"$image\"" "$releases"/*/image/manifest.json; then continue; fi
    # One that was pulled has a second name. The image itself is removed with the last name, and only if no container uses it.
    "${engine[@]}" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" < /dev/null | while IFS= read -r name; do
      case $name in *"@sha256:${image##*:}"*) "${engine[@]}" rmi "$name" < /dev/null || : ;; esac
    done || :
    "${engine[@]}" rmi "$image" < /dev/null || :
  done
} > /dev/null 2>&1 || :
