#!/bin/bash -eu
# Receives a folder. The files come by SFTP, into a temporary folder that this script makes and removes; so nothing is left if the connection is lost.
# Verifies all of them, then gives each its name with one rename. Never writes through a link below the folder.
#
# Parameters
#   folder       where the copy goes; if it exists, files of the same name are replaced
#   parent       the folder around it
#   staging      the name of the temporary folder
#   guard_again  code that ends the script if nothing may be changed any more
#
# Reads, when all files are there: for each entry its type (folder, file, link), its mode, its sha256 or the target of the link, and its path, each with a NUL
# behind it; then `end`. A folder comes before what is in it, and the files are named 0, 1, 2 ... in the temporary folder, in this order.
# Prints: `ready` and the base64 of the temporary folder's absolute path; `damaged NUMBER`; `linked PATH`; `free BYTES` if the input ended too early.
# Exit codes: `damaged`, `cut_off`, `linked` (EXIT.transfer).
export LC_ALL=C
umask 077
place=$parent
if [ -d "$folder" ]; then place=$folder; fi
if ! [ -d "$folder" ] && { [ -e "$folder" ] || [ -L "$folder" ]; }; then
  echo 'Not a directory' >&2
  exit 1
fi
work=$place/$staging
trap 'trap "" HUP INT TERM PIPE; rm -rf -- "$work"' EXIT
mkdir -- "$work"
absolute=$(CDPATH='' cd -- "$work" && pwd -P)
printf 'ready %s\n' "$(printf %s "$absolute" | base64 -w 0)"

types=() modes=() words=() paths=()
while IFS= read -r -d '' type && [ "$type" != end ] \
  && IFS= read -r -d '' mode && IFS= read -r -d '' word && IFS= read -r -d '' path; do
  types+=("$type") modes+=("$mode") words+=("$word") paths+=("$path")
done
if [ "${type-}" != end ]; then
  df -P -B1 -- "$work" | awk 'NR == 2 { print "free " $4 }'
  exit "$cut_off"
fi

count=0
for i in "${!types[@]}"; do
  [ "${types[i]}" = file ] || continue
  sum=$(sha256sum < "$work/$count") || sum=
  if [ "${sum%% *}" != "${words[i]}" ]; then
    echo "damaged $count"
    exit "$damaged"
  fi
  count=$((count + 1))
done

guard_again
tree=$folder
if ! [ -d "$folder" ]; then tree=$work/tree; fi
count=0
for i in "${!types[@]}"; do
  at=$tree/${paths[i]}
  if [ "${paths[i]}" = . ]; then at=$tree; fi
  case ${types[i]} in
    folder)
      if [ "${paths[i]}" != . ] && { [ -L "$at" ] || { [ -e "$at" ] && ! [ -d "$at" ]; }; }; then
        printf 'linked %s\n' "${paths[i]}"
        exit "$linked"
      fi
      if ! [ -d "$at" ]; then mkdir -m "${modes[i]}" -- "$at"; fi
      ;;
    file)
      chmod "${modes[i]}" -- "$work/$count"
      mv -f -T -- "$work/$count" "$at"
      count=$((count + 1))
      ;;
    link)
      ln -s -- "${words[i]}" "$work/link"
      mv -f -T -- "$work/link" "$at"
      ;;
  esac
done
if [ "$tree" != "$folder" ]; then mv -T -- "$tree" "$folder"; fi
