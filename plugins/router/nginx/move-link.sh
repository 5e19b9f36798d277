#!/bin/bash -eu
# Makes a route live with one rename, then removes the folders of old generations, but not the one that was live before.
#
# Parameters
#   router  the folder of the link `live`
#   slot    that gets the traffic
#   target  what the link is to name: `slot.generation`
mkdir -p -m 0755 "$router"
cd "$router"
# What is there and is no link is not ours to remove.
for odd in live live.next; do
  if [ -e $odd ] && ! [ -L $odd ]; then mv -T $odd "$odd.lost-$(date +%s%N)"; fi
done
was=$(readlink live || :)
mkdir -p -m 0755 "$target"
(umask 022; : > "$target/$slot")
ln -sfn "$target" live.next
mv -T live.next live
# Folders of earlier generations are kept for whoever looks back, five of them.
ls -1dt -- *.*/ | tail -n +6 | while read -r old; do
  case "$old" in "$target/" | "$was/") ;; *) rm -rf -- "$old" ;; esac
done || :
