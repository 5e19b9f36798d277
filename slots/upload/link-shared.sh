#!/bin/bash -eu
# Replaces the shared paths of a new release with links into the shared folder. Runs in the release's folder. A path that the shared folder does not
# have yet is copied from the release first.
#
# Parameters
#   shared_dir    the folder of files that outlive releases
#   shared_paths  paths relative to `shared_dir` and to the release
#   make          creates `$1` in the shared folder from `$2` in the release, or as an empty folder if the release has none
for path in "${shared_paths[@]}"; do
  into=$shared_dir/$path
  if ! [ -e "$into" ]; then make "$into" "$path"; fi
  rm -rf -- "$path"
  mkdir -p -- "$(dirname -- "$path")"
  ln -s -- "$into" "$path"
done
