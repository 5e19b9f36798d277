#!/bin/bash -eu
# Prints the host's Caddyfile and every file that it imports, directly or through another file.
#
# Parameters
#   config  the main Caddyfile
#
# Output: for each file a line `@@ file PATH` and its text, or a line `@@ closed PATH` if it cannot be read.
waiting=("$config") seen=:
while [ "${#waiting[@]}" -gt 0 ]; do
  # Two files may import each other by relative paths that would grow without end.
  file=$(realpath -ms -- "${waiting[0]}")
  waiting=("${waiting[@]:1}")
  case $seen in *":$file:"*) continue ;; esac
  seen+=$file:
  if ! [ -r "$file" ]; then
    echo "@@ closed $file"
    continue
  fi
  echo "@@ file $file"
  cat -- "$file"
  echo
  while read -r word pattern _; do
    if [ "$word" != import ]; then continue; fi
    case $pattern in /*) ;; *) pattern=${file%/*}/$pattern ;; esac
    while read -r found; do if [ -f "$found" ]; then waiting+=("$found"); fi; done < <(compgen -G "$pattern" || :)
  done < "$file"
done
