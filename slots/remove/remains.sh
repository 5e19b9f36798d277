#!/bin/bash -eu
# Runs as root, if possible. Prints what is left of an application on a host.
#
# Parameters
#   files       the files of root
#   links       possible paths of links to these files
#   print_used  prints `used PATH` for each file that other applications need
#   root        the application's folder
#   own         the names in it that switchyard made
#   shared      the name of the folder in it with the application's data
#
# Prints: `file PATH` for each file, and each link to one, that exists; `foreign PATH` for what else is in the place of a link; `own NAME`, `shared NAME` or `other NAME` for each entry of the folder; and the output of
# `print_used`.
for path in "${files[@]}"; do
  if [ -e "$path" ] || [ -L "$path" ]; then printf 'file %s\n' "$path"; fi
done
for link in "${links[@]}"; do
  if ! [ -e "$link" ] && ! [ -L "$link" ]; then continue; fi
  kind=foreign
  for path in "${files[@]}"; do
    if [ -L "$link" ] && [ "$(readlink -m -- "$link")" = "$(readlink -m -- "$path")" ]; then kind='file'; fi
  done
  printf '%s %s\n' "$kind" "$link"
done
print_used
if ! cd -P -- "$root" 2> /dev/null; then exit 0; fi
shopt -s nullglob dotglob
for name in *; do
  kind=other
  for ours in "${own[@]}"; do if [ "$name" = "$ours" ]; then kind=own; fi; done
  if [ "$name" = "$shared" ]; then kind=shared; fi
  printf '%s %s\n' "$kind" "$name"
done
