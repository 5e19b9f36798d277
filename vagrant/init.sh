#!/bin/sh
# The container's first process: does what a machine would bring along, then becomes systemd.
set -eu

# Docker mounts the cgroup tree read-only, and systemd keeps its units in it. The container has a cgroup namespace of
# its own (--cgroupns=private), so what becomes writable is its own branch. With cgroup v2 that is the one mount; with
# v1 systemd's named hierarchy is a mount of its own. `bind`: this mount changes, not the file system of the host.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
else
  mount -o remount,bind,rw /sys/fs/cgroup/systemd
fi

# Every container has host keys of its own: keys in the image would give all of them one identity. No RSA key: making
# one takes up to three seconds.
for type in ed25519 ecdsa; do
  [ -f "/etc/ssh/ssh_host_${type}_key" ] || ssh-keygen -q -t "$type" -N '' -f "/etc/ssh/ssh_host_${type}_key"
done

# The public key that may log in comes from whoever starts the container, never from the image.
if [ -n "${AUTHORIZED_KEY:-}" ]; then
  printf '%s\n' "$AUTHORIZED_KEY" >/home/vagrant/.ssh/authorized_keys
  chown vagrant:vagrant /home/vagrant/.ssh/authorized_keys
  chmod 0600 /home/vagrant/.ssh/authorized_keys
fi
unset AUTHORIZED_KEY

exec /sbin/init
