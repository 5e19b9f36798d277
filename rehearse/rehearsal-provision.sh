#!/bin/bash -eu
# Makes a server as it is rented of an image of Debian or Ubuntu: systemd, and an sshd in which only root can log in.
export DEBIAN_FRONTEND=noninteractive

# Starts no services during the build.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
apt-get update -q
apt-get install -y -q --no-install-recommends ca-certificates dbus iproute2 libpam-systemd openssh-client openssh-server \
  procps systemd systemd-sysv util-linux
apt-get clean
rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /etc/ssh/ssh_host_*_key*
: > /etc/machine-id
printf 'UseDNS no\n' > /etc/ssh/sshd_config.d/rehearsal.conf
systemctl enable ssh

# Units that need a console, disks, devices or a kernel of their own.
systemctl set-default multi-user.target
systemctl mask apt-daily-upgrade.timer apt-daily.timer console-getty.service dev-hugepages.mount e2scrub_all.timer \
  fstrim.timer getty.target sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount systemd-networkd.service systemd-resolved.service systemd-timesyncd.service \
  systemd-remount-fs.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
  systemd-udevd.service
