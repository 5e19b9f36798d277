#!/bin/sh
# Sets up a Debian 12 machine as the rehearsal host: sshd, systemd, nginx, and a deploying user with sudo.
# The Dockerfile and the Vagrant boxes run it as root. It is idempotent.
set -eu

export DEBIAN_FRONTEND=noninteractive

apt-get update -q
apt-get install -y -q --no-install-recommends \
  ca-certificates \
  curl \
  dbus \
  iproute2 \
  libpam-systemd \
  nginx \
  openssh-client \
  openssh-server \
  procps \
  sudo \
  systemd \
  systemd-sysv \
  util-linux

printf 'LANG=C.UTF-8\n' >/etc/default/locale

# The deploying user: key login only, and sudo for `task setup`.
if ! id vagrant >/dev/null 2>&1; then
  useradd --create-home --shell /bin/bash vagrant
fi
# '*' disables the password; '!' would lock the account, and sshd may then refuse keys too.
usermod --password '*' vagrant
install -d -m 0700 -o vagrant -g vagrant /home/vagrant/.ssh
printf 'vagrant ALL=(ALL) NOPASSWD:ALL\n' >/etc/sudoers.d/vagrant
chmod 0440 /etc/sudoers.d/vagrant

cat >/etc/ssh/sshd_config.d/rehearsal.conf <<'SSHD'
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
PrintMotd no
PrintLastLog no
SSHD

# The default site would answer on port 80 before anything is deployed.
rm -f /etc/nginx/sites-enabled/default

systemctl enable ssh nginx
