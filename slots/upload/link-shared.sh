#!/bin/bash -eu
# Replaces the shared paths of a new release with links into the shared folder. Runs in the release's folder. A path that the shared folder does not
# have yet is copied from the release first.
#
# Parameters
#   shared_dir    the folder of files that outlive releases
#   shared_paths  paths relative to `shared_dir` and to the release
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
