#!/bin/bash -eu
# Looks at a server before a bootstrap. Runs as root and changes nothing.
#
# Parameters
#   user          the deploying account
#   keys          lines of authorized_keys(5)
#   packages      names of packages
#   groups        names of groups
#   ports         on which the router is to listen
#   unit          the unit of the router's server; may be empty
#   missing_tools prints the commands that are missing
#
# Output: sections, each after `@@ NAME`.
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# Bash keeps a text for `<<<` in a file, and the disk may be full.
if [ -d /run ]; then export TMPDIR=/run; fi
echo '@@ system'
cat /etc/os-release 2>/dev/null || :
echo '@@ machine'
if [ -d /run/systemd/system ]; then echo systemd; fi
if command -v apt-get > /dev/null; then echo apt; fi
echo '@@ listeners'
# Not with ss, which a bare system may lack. State 0A is LISTEN.
{ cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || :; } |
  awk '$4 == "0A" { split($2, at, ":"); print at[2], $10 }' | sort -u | while read -r hex inode; do
    port=$((16#$hex)) found=
    for wanted in "${ports[@]}"; do if [ "$wanted" = "$port" ]; then found=1; fi; done
    if [ -z "$found" ]; then continue; fi
    fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || :)
    process=${fd%/fd/*}
    name=$(cat "${process:-/nowhere}/comm" 2>/dev/null || :)
    printf '%s %s\n' "$port" "${name:-?}"
  done
echo '@@ tools'
missing_tools
echo '@@ packages'
# Another package may provide it, as libssl3t64 does libssl3.
# shellcheck disable=SC2016 # the format of dpkg-query
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides},\n' 2>/dev/null | sed -n 's/^installed//p' || :)
for package in "${packages[@]}"; do
  if ! grep -qE " ${package//[.+]/\\&}( \(|,)" <<< "$installed"; then echo "$package"; fi
done
echo '@@ interrupted'
dpkg --audit 2>/dev/null | head -n 1 || :
echo '@@ unit'
if [ -n "$unit" ]; then systemctl is-active "$unit" || :; systemctl is-enabled "$unit" 2>/dev/null || :; fi
echo '@@ account'
home=$(getent passwd "$user" | cut -d: -f6 || :)
if [ -n "$home" ]; then id -gn "$user"; id -Gn "$user"; fi
echo '@@ keys'
for key in "${keys[@]}"; do
  read -r kind data _ <<< "$key"
  if [ -z "$home" ] || ! grep -qsF -- "$kind $data" "$home/.ssh/authorized_keys"; then printf '%s\n' "$key"; fi
done
echo '@@ groups'
for group in "${groups[@]}"; do
  if [ -z "$home" ] || ! id -Gn "$user" | tr ' ' '\n' | grep -qx -- "$group"; then echo "$group"; fi
done
echo '@@ sudo'
if [ "$user" = root ] || { [ -n "$home" ] && runuser -u "$user" -- sudo -n true 2>/dev/null; }; then echo root; fi
echo '@@ sshd'
sshd -T -C user=root,host=localhost,addr=127.0.0.1 2>/dev/null |
  grep -E '^(port|passwordauthentication|permitrootlogin) ' || :
# The port of this connection, which the configuration need not name, as with a socket of systemd.
if [ -n "${SSH_CONNECTION:-}" ]; then echo "port ${SSH_CONNECTION##* }"; fi
echo '@@ clock'
timeout 5 timedatectl show -p NTPSynchronized --value 2>/dev/null || :
echo '@@ firewall'
if command -v ufw > /dev/null; then ufw status 2>/dev/null || :; else echo none; fi
