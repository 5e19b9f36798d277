#!/bin/bash -eu
# Prints the sha256 of the first bytes of files.
#
# Reads: for each file its size and its path, each with a NUL behind it.
# Prints: one line for each file: 64 hex digits, or `-` if the file cannot be read.
while IFS= read -r -d '' size && IFS= read -r -d '' path; do
  sum=$(head -c "$size" -- "$path" 2> /dev/null | sha256sum) || sum=-
  printf '%s\n' "${sum%% *}"
done
