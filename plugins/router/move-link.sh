#!/bin/bash -eu
# Makes a route live with one rename, which also ends a canary, whose folder is in that of the route before; then removes the folders of old generations, except the one that was live before.
#
# Parameters
#   router  the folder that contains the link `live`
#   marker  the name of the file that the router looks for, or reads: its text is `slot generation`
#   target  the target of the link: `slot.generation`
mkdir -p -m 0755 "$router"
cd "$router"
# A file or folder in place of a link is not ours: move it aside instead of deleting it.
for name in live live.next; do
  if [ -e $name ] && ! [ -L $name ]; then mv -T $name "$name.lost-$(date +%s%N)"; fi
done
was=$(readlink live || :)
mkdir -p -m 0755 "$target"
# Also those of nginx and of Caddy, so that a site can move to another router. A marker of the live route is not written again: a router that reads it would
# find it empty for a moment.
for name in "$marker" "${target%%.*}" "$target"; do
  [ -s "$target/$name" ] || (umask 022; printf '%s %s\n' "${target%%.*}" "${target#*.}" > "$target/$name")
done
# A route that is restored comes back without the canary that it had.
rm -rf -- "$target"/canary*
ln -sfn "$target" live.next
mv -T live.next live
# Keeps the folders of the five newest generations for troubleshooting.
ls -1dt -- *.*/ | tail -n +6 | while read -r old; do
  case "$old" in "$target/" | "$was/") ;; *) rm -rf -- "$old" ;; esac
done || :
