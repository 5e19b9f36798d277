#!/bin/bash -eu
# Gives an engine the image of a release, and a registry if there is one.
#
# Parameters
#   file    the artifact, or the part of it that the engine lacks, which is removed; empty if it lacks nothing
#   image   the name of the image in it
#   target  the name in the registry, or empty
#
# Prints the name of the image, for services.
# Exits with `image_refused`, or with `registry_failed` and what the registry said.
if [ -n "$file" ]; then
  work=$(mktemp -d)
  trap 'trap "" HUP INT TERM PIPE; rm -rf -- "$work" "$file"' EXIT
  tar -xzf "$file" -C "$work"
  tar -C "$work/image" -c . | docker load --quiet > /dev/null || exit "$image_refused"
fi
if [ -z "$target" ]; then printf '%s\n' "$image"; exit 0; fi
docker tag "$image" "$target"
docker push --quiet "$target" > /dev/null || exit "$registry_failed"
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$target" | grep -F "${target%:*}@" | head -n 1
