#!/bin/bash -eu
# Puts a file of ours beside the configuration of sshd, and reloads sshd if it accepts and follows that. Else the file is taken back.
#
# Parameters
#   path    the file
#   text    its text
#   wanted  lines of `sshd -T` that are true then
#   reload  reloads sshd
#
# Output: after a failure what sshd reports.
# Exit codes: `invalid`, `ignored` (EXIT.bootstrap).
trap '' HUP INT TERM PIPE
PATH=$PATH:/usr/sbin:/sbin
draft=$path.draft
mkdir -p "${path%/*}"
printf '%s' "$text" > "$draft"
chmod 0644 "$draft"
mv -T "$draft" "$path"
if ! output=$(sshd -t 2>&1); then
  rm -f "$path"
  printf '%s\n' "$output"
  exit "$invalid"
fi
in_force=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1 2>/dev/null || :)
for line in "${wanted[@]}"; do
  if ! grep -qxF -- "$line" <<< "$in_force"; then
    rm -f "$path"
    grep -m 1 -- "^${line%% *} " <<< "$in_force" || echo "it does not report ${line%% *}"
    exit "$ignored"
  fi
done
reload
