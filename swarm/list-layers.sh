#!/bin/bash -eu
# Tells how much of an image an engine has. An engine finds a layer by all layers below it, so only the first ones count that one of its images begins with.
#
# Parameters
#   image   its name
#   layers  the digests of its layers, from the lowest one
#
# Prints: `there` if it has the image, else how many of its layers, from the lowest one.
if docker image inspect --format x "$image" > /dev/null 2>&1; then echo there; exit 0; fi
best=0
# An image that is removed meanwhile is no error.
while read -ra have; do
  for ((i = 0; i < ${#layers[@]}; i++)); do if [ "${have[i]-}" != "${layers[i]}" ]; then break; fi; done
  if [ "$i" -gt "$best" ]; then best=$i; fi
done < <(docker image ls --quiet --no-trunc | sort -u | xargs -r docker image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' 2> /dev/null || :)
echo "$best"
