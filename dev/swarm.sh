#!/bin/bash -eu
# Machines for a Docker Swarm on this one, as root on Debian: each has namespaces of its own (network, mounts, processes, name), a Docker engine and an sshd. So
# one kill is a power failure, and nothing stays mounted. Their bridge is in a network namespace too, because the firewall of Docker in the first one
# drops what crosses a bridge there; this machine has an address on it.
#
#   swarm.sh up FOLDER COUNT MANAGERS  boots them, n1 to n<COUNT> at 10.77.0.1 and so on, and a registry at 10.77.0.254:5000; makes the swarm, with the
#                                 first ones as managers
#   swarm.sh boot FOLDER I        boots machine I again after a kill, if it is down
#   swarm.sh kill FOLDER I        a power failure
#   swarm.sh cut FOLDER I         takes its cable out; `mend` puts it back
#   swarm.sh in FOLDER I COMMAND  runs a command as root on machine I
#   swarm.sh when FOLDER I FILES COMMAND J  runs a command such as `cut` for machine J as soon as I has such a file in the home folder of its deploying user
#   swarm.sh registry FOLDER up|down
#   swarm.sh down FOLDER          ends and removes all of it
set -o pipefail
command=$1 base=$2
shift 2
net=10.77.0 name=switchyard-n

# What goes on after this program keeps none of its files open, such as a lock of its caller.
daemon() { (for fd in /proc/self/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-" 2> /dev/null || :; fi; done; exec setsid "$@") < /dev/null & }

# Whether the process of a file with its number runs. The number of one that has ended may be that of another process of this machine by now.
ours() { [ -e "$1" ] && grep -qaF -- "$base/" "/proc/$(cat "$1")/cmdline" 2> /dev/null; }

pid_in() { local children; read -r children _ < "/proc/$(cat "$base/$1/pid")/task/$(cat "$base/$1/pid")/children"; printf %s "$children"; }
# Not `ip netns exec`, which mounts another /sys, without the control groups.
enter() { nsenter --target "$(pid_in "n$1")" --mount --uts --ipc --net --pid -- "${@:2}"; }
daemon_in() { daemon nsenter --target "$(pid_in "n$1")" --mount --uts --ipc --net --pid -- "${@:2}"; }
on_lan() { nsenter --target "$(cat "$base/lan/pid")" --net -- "$@"; }
# Asks five times a second, for as long as an engine takes to start on a busy machine.
until_ok() { local end=$((SECONDS + 180)); until "$@" > /dev/null 2>&1; do if [ $SECONDS -ge $end ]; then echo "gave up: $*" >&2; return 1; fi; sleep 0.2; done; }

lan() {
  mkdir -p "$base/lan"
  # Named for `ours`.
  daemon unshare --net bash -c 'exec -a "$0" sleep infinity' "$base/lan" > /dev/null 2>&1
  echo $! > "$base/lan/pid"
  until_ok sh -c "[ \"\$(readlink /proc/$!/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
  on_lan ip link add br0 type bridge
  on_lan ip link set br0 up
  ip link add "${name}0" type veth peer name host netns "$(cat "$base/lan/pid")"
  on_lan ip link set host master br0 up
  ip addr add "$net.254/24" dev "${name}0"
  ip link set "${name}0" up
}

boot() {
  local i=$1 home=$base/n$1
  mkdir -p "$home/home" "$home/data"
  { cat /etc/passwd; echo "deploy:x:4321:4321::$home/home:/bin/bash"; } > "$home/passwd"
  { grep -v '^docker:' /etc/group; echo docker:x:4322:deploy; echo deploy:x:4321:; } > "$home/group"
  chown -R 4321:4321 "$home/home"
  cat > "$home/init" <<END
hostname n$i
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
mount --bind $home/passwd /etc/passwd
mount --bind $home/group /etc/group
exec tini -s -- sleep infinity
END
  daemon unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc bash "$home/init" > "$home/init.log" 2>&1
  echo $! > "$home/pid"
  until_ok enter "$i" test -d /run/sshd
  on_lan ip link del "port$i" 2> /dev/null || :
  # A machine keeps its hardware address over a boot: another one would be looked for only after seconds.
  ip link add "${name}$i" type veth peer name eth0 address "02:00:0a:4d:00:0$i" netns "$(pid_in "n$i")"
  ip link set "${name}$i" netns "$(cat "$base/lan/pid")" name "port$i"
  on_lan ip link set "port$i" master br0 up
  enter "$i" ip link set lo up
  enter "$i" ip addr add "$net.$i/24" dev eth0
  enter "$i" ip link set eth0 up
  enter "$i" ip route add default via "$net.254"
  [ -e "$home/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -f "$home/hostkey"
  printf '%s\n' 'Port 22' "HostKey $home/hostkey" "AuthorizedKeysFile $base/key.pub" 'PidFile none' 'UsePAM no' 'StrictModes no' \
    'Subsystem sftp internal-sftp' > "$home/sshd_config"
  daemon_in "$i" /usr/sbin/sshd -D -f "$home/sshd_config" -E "$home/sshd.log" > /dev/null 2>&1
  echo '{}' > "$home/daemon.json"
  daemon_in "$i" nice -n 10 dockerd --config-file "$home/daemon.json" --data-root "$home/data" --exec-root /run/docker \
    --pidfile /run/dockerd.pid --host unix:///run/docker.sock --group docker --insecure-registry "$net.0/24" --cgroup-parent "/$name$i" \
    >> "$home/dockerd.log" 2>&1
}

engines() { local i; for i in $(seq 1 "$1"); do until_ok enter "$i" docker version; done; }

registry() {
  if [ "$1" = down ]; then if ours "$base/registry.pid"; then kill "$(cat "$base/registry.pid")"; fi; return; fi
  printf 'version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s:5000"}\n' "$base/registry" "$net.254" \
    > "$base/registry.yml"
  daemon docker-registry serve "$base/registry.yml" > "$base/registry.log" 2>&1
  echo $! > "$base/registry.pid"
  until_ok curl -sf -m 1 "http://$net.254:5000/v2/"
}

swarm() {
  enter 1 docker swarm init --advertise-addr "$net.1" > /dev/null
  local i role token
  for i in $(seq 2 "$1"); do
    role=worker
    if [ "$i" -le "$2" ]; then role=manager; fi
    token=$(enter 1 docker swarm join-token -q "$role")
    enter "$i" docker swarm join --advertise-addr "$net.$i" --token "$token" "$net.1:2377" > /dev/null
  done
}

down() {
  local pid folder
  for pid in "$base"/n*/pid "$base/registry.pid" "$base/lan/pid"; do if ours "$pid"; then kill -9 "$(cat "$pid")"; fi; done
  ip link del "${name}0" 2> /dev/null || :
  # The control groups are free once the processes in them are gone.
  for folder in /sys/fs/cgroup/*/"$name"* /sys/fs/cgroup/"$name"*; do
    if [ -d "$folder" ]; then until_ok find "$folder" -depth -type d -exec rmdir {} +; fi
  done
  until_ok rm -rf "$base"
}

case $command in
  up)
    mkdir -p "$base"
    [ -e "$base/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$base/key"
    chmod 644 "$base/key.pub"
    lan
    for i in $(seq 1 "$1"); do boot "$i"; done
    registry up
    engines "$1"
    swarm "$1" "$2"
    ;;
  boot) if ! ours "$base/n$1/pid"; then boot "$1"; fi; until_ok enter "$1" docker version ;;
  kill) if ours "$base/n$1/pid"; then kill -9 "$(cat "$base/n$1/pid")"; fi ;;
  cut) on_lan ip link set "port$1" down ;;
  mend) on_lan ip link set "port$1" up ;;
  in) enter "$@" ;;
  when)
    # Busy, because what it waits for is over in a moment.
    end=$((SECONDS + 120))
    until compgen -G "$base/n$1/home/$2" > /dev/null; do if [ $SECONDS -ge $end ]; then exit 1; fi; done
    "$0" "$3" "$base" "$4"
    ;;
  registry) registry "$1" ;;
  down) down ;;
esac
