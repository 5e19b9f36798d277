#!/bin/bash -eu
# The function `whose FILTER PID...`: whose the sockets are that listen. A socket is a slot's own when the kernel made it in the slot's systemd service,
# or when one of its holders is the slot's process, a child of it, or in the same service: workers that a server forks hold the socket of their
# parent, and with socket activation systemd made it. Everybody else is a stranger, also one of our own user.
#
# FILTER is one of ss(8), '' for all sockets. A PID may be empty.
# Prints a line a socket: position of its owner among the pids, or `-`; address, user, unit, pid, name. What is not known is a `-`. The name of a
# process is its own choice, and may look like anything: what `ss` says of a holder counts only when the kernel's link agrees.
# What changes while it is read is read again. When it never holds still, the function fails.
# Sets `unit` to the systemd service of a process; '' for none. The service of a user's own session counts as none.
unit_of() {
  local names path; unit=
  while IFS=: read -r _ names path; do
    case ${names#name=systemd}:$path in
      :*/user@*.service/*.service) unit=$path; return ;;
      :*/user@*) ;;
      :*.service*) unit=${path%%.service*}.service; return ;;
    esac
  done < "/proc/$1/cgroup"
}
parent_of() {
  local key value
  while read -r key value; do if [ "$key" = PPid: ]; then parent=$value; return; fi; done < "/proc/$1/status"
  return 1
}
# Sets `line` to the pids from a process up to the first of all, with spaces around them. It is read twice where a process was lost meanwhile.
line_of() {
  local pid=$1 child
  line=" $1 "; parent_of "$1" || return 1
  while [ "$parent" -gt 1 ]; do
    line="$line$parent " child=$pid pid=$parent
    if ! parent_of "$pid"; then parent_of "$child" && [ "$parent" = "$pid" ]; return; fi
  done
}
# What `whose` prints, read once; fails when something has changed meanwhile. `at` is our own service at first: without a login manager all that came
# over SSH is in sshd's, and that says nothing.
sockets() {
  local filter=$1 mine=() all rest line unit parent pid ino user at address holder name owner i left; shift
  unit_of self || :; at=$unit
  for pid; do unit=; if [ -n "$pid" ]; then unit_of "$pid" || :; fi; mine+=("${unit#"$at"}"); done
  all=$(ss -Hltnpe ${filter:+"$filter"}) || return
  while read -r _ _ _ address _ rest; do
    if [ -z "$address" ]; then continue; fi
    rest=" $rest" owner=- holder=- name='' at=- user=0 left=$rest
    ino=${rest##* ino:} ino=${ino%% *}
    case $rest in *' uid:'*) user=${rest##* uid:} user=${user%% *} ;; esac
    case $rest in *' cgroup:'*.service*) at=${rest##* cgroup:} at=${at%% *} ;; esac
    for ((i = 0; i < $#; i++)); do if [ "$at" = "${mine[i]}" ]; then owner=$i; fi; done
    while [[ $owner = - && $left =~ pid=([0-9]+),fd=([0-9]+)\)(.*) ]]; do
      pid=${BASH_REMATCH[1]} left=${BASH_REMATCH[3]}
      if [ "$(readlink "/proc/$pid/fd/${BASH_REMATCH[2]}")" != "socket:[$ino]" ]; then continue; fi
      line_of "$pid" && { unit_of "$pid" || [ -d "/proc/$pid" ]; } || return
      IFS= read -r name < "/proc/$pid/comm" || return
      holder=$pid
      for ((i = 0; i < $#; i++)); do
        case $line in *" ${@:i+1:1} "*) owner=$i ;; esac
        if [ -n "$unit" ] && [ "$unit" = "${mine[i]}" ]; then owner=$i; fi
      done
    done
    if [ "$owner$holder" = -- ] && [ "$left" != "$rest" ]; then return 1; fi
    if [ "$user" = 0 ]; then user=root; else user=$(id -nu -- "$user" || echo "$user"); fi
    printf '%s %s %s %s %s %s\n' "$owner" "$address" "$user" "${at##*/}" "$holder" "${name//[![:print:]]/?}"
  done <<< "$all"
}
whose() {
  local said
  for _ in 1 2 3 4 5; do
    if said=$(sockets "$@" 2>/dev/null); then printf '%s' "$said"; return; fi
    sleep 0.05
  done
  echo 'the sockets that listen changed each time that they were read' >&2
  return 1
}
