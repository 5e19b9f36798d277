#!/bin/bash -eu
# Prints the log of run_erl(1), oldest line first. It consists of several files, `erlang.log.1` and so on, of which the oldest is removed in time.
#
# Parameters
#   log       the folder of the log
#   matching  copies the wanted lines from stdin to stdout
#
# Prints: one line with the size of each file, `NUMBER:BYTES`; then the lines up to these sizes.
cd "$log" 2>/dev/null || { echo; exit 0; }
numbers=() sizes=()
while IFS= read -r name; do
  case $name in erlang.log.*) ;; *) continue ;; esac
  if size=$(stat -c %s "$name" 2>/dev/null); then numbers+=("${name##*.}"); sizes+=("$size"); fi
done < <(ls -tr)
for i in "${!numbers[@]}"; do printf '%s:%s ' "${numbers[i]}" "${sizes[i]}"; done
echo
set +o pipefail
for i in "${!numbers[@]}"; do head -c "${sizes[i]}" "erlang.log.${numbers[i]}" 2>/dev/null || :; done | matching
