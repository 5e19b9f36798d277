#!/bin/bash -eu
# The function `whose FILTER PID...`: lists listening sockets with their owners. A socket belongs to a slot if it was created in the slot's systemd service,
# or if one of its holders is the slot's process, a descendant of it, or in the same service: forked workers hold the socket of their parent, and with
# socket activation systemd creates it. All other sockets are foreign, including those of the deploying user.
#
# Parameters
#   application_id       prints the id of the user that the application runs as, or nothing if that is the one who runs this
#   application_sockets  runs application-sockets.sh as that user, with the filter `$1`
#
# FILTER is an ss(8) filter, '' for all sockets. A PID may be empty.
# Prints one line per socket: index of its owner among the pids, address, user, unit, pid, name; `-` for unknown values. A process can choose any name for
# itself, even one that imitates the output of ss, so a holder that ss reports counts only if the link in /proc/PID/fd agrees.
# Reads again if something changed meanwhile; fails after five attempts.

# Sets `unit` to the systemd service of a process; '' for none. A service of a user's systemd instance counts, the instance itself (user@UID) does not.
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
# Sets `line` to the pids of a process and its ancestors, surrounded by spaces. If an ancestor exited meanwhile, its child is read again.
line_of() {
  local pid=$1 child
  line=" $1 "; parent_of "$1" || return 1
  while [ "$parent" -gt 1 ]; do
    line="$line$parent " child=$pid pid=$parent
    if ! parent_of "$pid"; then parent_of "$child" && [ "$parent" = "$pid" ]; return; fi
  done
}
# Sets `holder` and `name`, and `owner` if the process belongs to one of `pids`. Fails if it has ended.
held_by() {
  local i
  line_of "$1" && { unit_of "$1" || [ -d "/proc/$1" ]; } || return
  IFS= read -r name < "/proc/$1/comm" || return
  holder=$1
  for ((i = 0; i < ${#pids[@]}; i++)); do
    case $line in *" ${pids[i]} "*) owner=$i ;; esac
    if [ -n "$unit" ] && [ "$unit" = "${mine[i]}" ]; then owner=$i; fi
  done
}
# Prints the output of `whose`, from one read; fails if something changed meanwhile. Ignores the service that this shell itself runs in: without a login
# manager that is sshd's, which every process started over SSH shares.
sockets() {
  local filter=$1 mine=() all rest line unit parent pid ino user at address holder name owner i left theirs='' its=''; shift
  local pids=("$@")
  unit_of self || :; at=$unit
  for pid; do unit=; if [ -n "$pid" ]; then unit_of "$pid" || :; fi; mine+=("${unit#"$at"}"); done
  all=$(ss -Hltnpe ${filter:+"$filter"}) || return
  its=$(application_id)
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
      held_by "$pid" || return
    done
    if [ "$owner$holder" = -- ] && [ "$left" != "$rest" ]; then return 1; fi
    # Without the cgroup of a socket, only its own user can see which process of the application holds it.
    if [ "$owner$holder" = -- ] && [ "$user" = "$its" ]; then
      theirs=${theirs:-$(application_sockets "$filter")}
      while [[ $owner = - ]] && read -r left pid; do
        if [ "$left" = "$ino" ]; then held_by "$pid" || return; fi
      done <<< "$theirs"
    fi
    if [ "$user" = 0 ]; then user=root; else user=$(id -nu -- "$user" || echo "$user"); fi
    printf '%s %s %s %s %s %s\n' "$owner" "$address" "$user" "${at##*/}" "$holder" "${name//[![:print:]]/?}"
  done <<< "$all"
}
whose() {
  local lines
  for _ in 1 2 3 4 5; do
    if lines=$(sockets "$@" 2>/dev/null); then printf '%s' "$lines"; return; fi
    sleep 0.05
  done
  echo 'the listening sockets changed during each of five attempts to read them' >&2
  return 1
}
