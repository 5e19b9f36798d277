#!/bin/bash -eu
# The first process of a host that is a container: prepares what a real machine would have, then becomes systemd.
#
# Environment
#   AUTHORIZED_KEY  the public key of whoever may log in; the image contains none
#   LOGIN           the account that this key is for; default: root

# Docker mounts the cgroup tree read-only, but systemd must write to it. The container has its own cgroup namespace
# (--cgroupns=private), so only its own subtree becomes writable. cgroup v2 has a single mount; with v1, systemd's named
# hierarchy is a separate mount. `bind` changes only this mount, not the host's file system.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
else
  mount -o remount,bind,rw /sys/fs/cgroup/systemd
fi

# Generates host keys per container: keys in the image would give all containers the same identity. No RSA key, because
# generating one takes up to three seconds.
for type in ed25519 ecdsa; do
  [ -f "/etc/ssh/ssh_host_${type}_key" ] || ssh-keygen -q -t "$type" -N '' -f "/etc/ssh/ssh_host_${type}_key"
done

if [ -n "${AUTHORIZED_KEY:-}" ]; then
  login=${LOGIN:-root}
  folder=$(getent passwd "$login" | cut -d : -f 6)/.ssh
  install -d -m 0700 -o "$login" -g "$login" "$folder"
  printf '%s\n' "$AUTHORIZED_KEY" | install -m 0600 -o "$login" -g "$login" /dev/stdin "$folder/authorized_keys"
fi
unset AUTHORIZED_KEY LOGIN

exec /sbin/init
