#!/bin/bash -eu
# Puts links in the place of what outlives releases, in the folder of a release that is being made, which is the current one. What is not in the
# shared folder yet gets there from the release.
#
# Parameters
#   shared_dir    the folder of what outlives releases
#   shared_paths  paths in it and in the release
for path in "${shared_paths[@]}"; do
  into=$shared_dir/$path
  if ! [ -e "$into" ]; then
    rm -rf -- "$into.new"
    mkdir -p -- "$(dirname -- "$into")"
    if [ -e "$path" ]; then cp -a -- "$path" "$into.new"; else mkdir -- "$into.new"; fi
    chmod -R u+w -- "$into.new"
    mv -T -n -- "$into.new" "$into"
  fi
  rm -rf -- "$path"
  mkdir -p -- "$(dirname -- "$path")"
  ln -s -- "$into" "$path"
done
