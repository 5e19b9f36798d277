#!/bin/bash -eu
# Replaces the shared paths of a new release with links into the shared folder. Runs in the release's folder. A path that the shared folder does not
# have yet is made from the release first.
#
# Parameters
#   shared_dir    the folder of files that outlive releases
#   shared_paths  paths relative to `shared_dir` and to the release
#   shared_kinds  what each of them is: `folder`, `file` or `unclear`
#   make          creates `$1` in the shared folder from `$2` in the release, or empty and of the kind `$3` if the release has none
#
# Prints: `shared PATH` and the place of a shared path that cannot be linked, separated by a tab.
# Exit codes: `unclear`, `not_file` (EXIT.shared).
refuse() { printf 'shared %s\t%s\n' "$2" "$3"; exit "$1"; }
for i in "${!shared_paths[@]}"; do
  path=${shared_paths[i]} kind=${shared_kinds[i]} into=$shared_dir/${shared_paths[i]}
  if ! [ -e "$into" ]; then
    if [ "$kind" = unclear ] && ! [ -e "$path" ]; then refuse "$unclear" "$path" "$into"; fi
    if [ "$kind" = file ] && [ -d "$path" ]; then refuse "$not_file" "$path" "$path"; fi
    make "$into" "$path" "$kind"
  fi
  if [ "$kind" = file ] && [ -d "$into" ]; then refuse "$not_file" "$path" "$into"; fi
  rm -rf -- "$path"
  mkdir -p -- "$(dirname -- "$path")"
  ln -s -- "$into" "$path"
done
