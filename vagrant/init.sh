#!/bin/sh
# The container's first process: prepares what a real machine would provide, then becomes systemd (exec).
set -eu

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

# The authorized public key is passed in when the container is started; the image contains none.
if [ -n "${AUTHORIZED_KEY:-}" ]; then
  printf '%s\n' "$AUTHORIZED_KEY" >/home/vagrant/.ssh/authorized_keys
  chown vagrant:vagrant /home/vagrant/.ssh/authorized_keys
  chmod 0600 /home/vagrant/.ssh/authorized_keys
fi
unset AUTHORIZED_KEY

exec /sbin/init
