#!/bin/bash -eu
# Runs what a release needs on the host before its first start, such as `npm ci`, in the folder of the release, which can be written only meanwhile. A
# release is prepared at its final path, because virtual environments and bundles contain the path of their folder.
#
# While it runs, `.upload/lock` in the release is locked, as in an upload. If it fails or is interrupted, the release is renamed to `aside`: it is then an
# abandoned upload, from which the next upload of the release takes its files.
#
# Parameters
#   releases     the folder of all releases
#   name         the name of the release
#   aside        the name for a release that was not prepared to its end
#   slots        the folder of all slots
#   run_limited  runs the command with the variables of the environment file `$1`, and sets `code`; see limited.sh
#
# Reads: the environment file of the slot.
# Prints: the output of the command. On stderr, a line of `@@` and the state: `prepared`, `there` (it was prepared before), `none` (it needs no preparation),
# `gone` (it is not on the host), `cut` (an earlier preparation was interrupted), `busy` (an earlier one still runs), `used` (a slot has it), `late`, or
# `failed` with the exit code of the command.
# Writes: `.prepared`, the manifest of the prepared release.
state() { printf '@@ %s\n' "$*" >&2; }
cd -P -- "$releases"
environment=$(cat)
if ! [ -f "$name/release.json" ]; then state gone; exit 0; fi
if ! grep -q '^ *"prepare":' "$name/release.json"; then state none; exit 0; fi
finish() { rm -rf -- "$name/.upload"; chmod a-w -- "$name"; }
if [ -f "$name/.prepared" ]; then
  if [ -d "$name/.upload" ]; then finish; fi
  state there
  exit 0
fi
for link in "$slots"/*/current; do
  if [ "$(readlink -f -- "$link")" = "$PWD/$name" ]; then state used; exit 0; fi
done
put_aside() { mv -T -- "$releases/$name" "$releases/$aside"; }
if [ -d "$name/.upload" ]; then
  exec 9>> "$name/.upload/lock"
  if ! flock -n 9; then state busy; exit 0; fi
  put_aside
  state cut
  exit 0
fi

chmod -R u+w -- "$name"
mkdir -- "$name/.upload"
exec 9> "$name/.upload/lock"
flock 9
trap 'trap "" HUP INT TERM PIPE; put_aside' EXIT
cd -- "$name"
run_limited "$environment"
if [ "$code" != 0 ]; then
  if [ "$code" = late ]; then state late; else state "failed $code"; fi
  exit 0
fi

export LC_ALL=C
find . -mindepth 1 -path ./.upload -prune -o ! -type l -exec chmod u+rX,a-w,ug-s -- {} +
{
  find . -path ./.upload -prune -o -type f ! -path ./.manifest ! -path ./release.json -print0 | xargs -0 -r sha256sum -z -- | tr '\0' '\n' |
    awk -v OFS='\t' '{ print "f", "-", "-", substr($0, 1, 64), substr($0, 69) }'
  find . -type l -printf 'l\t-\t-\t-\t%P\t%l\n'
} > .upload/prepared
chmod a-w .upload/prepared
mv -f -- .upload/prepared .prepared
trap - EXIT
cd ..
finish
state prepared
