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
#   user        the system user that the application runs as; '' for none of its own
#   comment     the comment of such a user that a setup has created
#
# Prints: `file PATH` for each file, and each link to one, that exists; `foreign PATH` for what else is in the place of a link; `own NAME`, `shared NAME` or `other NAME` for each entry of the folder; `user made`,
# `user used` (units of others run as it) or `user found` (not made by a setup), if it exists; and the output of `print_used`.
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
if [ -n "$user" ] && entry=$(getent passwd "$user"); then
  made=found
  if [ "$(cut -d : -f 5 <<< "$entry")" = "$comment" ]; then made=made; fi
  while IFS= read -r unit; do
    if [[ " ${files[*]} " != *" $unit "* ]] && [ $made = made ]; then made=used; fi
  done < <(grep -lsxF "User=$user" /etc/systemd/system/*.service || :)
  printf 'user %s\n' $made
fi
if ! cd -P -- "$root" 2> /dev/null; then exit 0; fi
shopt -s nullglob dotglob
for name in *; do
  kind=other
  for ours in "${own[@]}"; do if [ "$name" = "$ours" ]; then kind=own; fi; done
  if [ "$name" = "$shared" ]; then kind=shared; fi
  printf '%s %s\n' "$kind" "$name"
done
