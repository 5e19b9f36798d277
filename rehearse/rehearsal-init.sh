#!/bin/bash -eu
# The first process of a throw-away host: prepares what a server has, then becomes systemd.
#
# Environment
#   AUTHORIZED_KEY  the key that root logs in with

# The container has its own cgroup namespace, so that only its own part of the tree becomes writable for systemd.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
else
  mount -o remount,bind,rw /sys/fs/cgroup/systemd
fi

# Keys in the image would give all hosts the same identity. No RSA key, which takes seconds.
for type in ed25519 ecdsa; do
  [ -f "/etc/ssh/ssh_host_${type}_key" ] || ssh-keygen -q -t "$type" -N '' -f "/etc/ssh/ssh_host_${type}_key"
done

install -d -m 0700 /root/.ssh
printf '%s\n' "$AUTHORIZED_KEY" > /root/.ssh/authorized_keys
chmod 0600 /root/.ssh/authorized_keys
unset AUTHORIZED_KEY

exec /sbin/init
