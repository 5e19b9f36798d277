/**
 * Whose the sockets are that listen on a host. A socket is a slot's own when the kernel made it in the slot's systemd service, or
 * when one of its holders is the slot's process, a child of it, or in the same service: workers that a server forks hold
 * the socket of their parent, and with socket activation systemd made it. Everybody else is a stranger, also one of our own user. The
 * service of our own session says nothing: without a login manager all that came over SSH is in sshd's.
 */
import { type Script, sh } from '../../host/script.ts'

/** A TCP socket that listens, as `whose` saw it. */
export interface Socket {
  /** Position of the process that it belongs to among those that were named; undefined for a stranger's. */
  readonly owner: number | undefined
  readonly address: string
  readonly port: number
  /** Who runs the process that made it. */
  readonly user: string
  /** The systemd service in which it was made, such as `shop@blue.service`, where the kernel tells. */
  readonly unit: string | undefined
  /** Missing for processes of other users, which only root may see. */
  readonly pid: number | undefined
  readonly name: string | undefined
}

/**
 * A function of the shell, `whose FILTER PID...` (no filter, all sockets), which prints each socket that listens, a line each: position of its owner among the pids
 * or `-`, address, user, unit, pid, name. What changes while it is read is read again; when it never holds still, it fails. The name of
 * a process is its own choice, and may look like anything: what `ss` says of a holder counts only when the kernel's link agrees.
 */
export const whose: Script = sh.read`
unit_of() {
  local names path; unit=
  while IFS=: read -r _ names path; do
    case \${names#name=systemd}:$path in
      :*/user@*.service/*.service) unit=$path; return ;;
      :*/user@*) ;;
      :*.service*) unit=\${path%%.service*}.service; return ;;
    esac
  done < "/proc/$1/cgroup"
}
parent_of() {
  local key value
  while read -r key value; do if [ "$key" = PPid: ]; then parent=$value; return; fi; done < "/proc/$1/status"
  return 1
}
line_of() {
  local pid=$1 child
  line=" $1 "; parent_of "$1" || return 1
  while [ "$parent" -gt 1 ]; do
    line="$line$parent " child=$pid pid=$parent
    if ! parent_of "$pid"; then parent_of "$child" && [ "$parent" = "$pid" ]; return; fi
  done
}
sockets() {
  local filter=$1 mine=() all rest line unit parent pid ino user at address holder name owner i left; shift
  unit_of self || :; at=$unit
  for pid; do unit=; if [ -n "$pid" ]; then unit_of "$pid" || :; fi; mine+=("\${unit#"$at"}"); done
  all=$(ss -Hltnpe \${filter:+"$filter"}) || return
  while read -r _ _ _ address _ rest; do
    if [ -z "$address" ]; then continue; fi
    rest=" $rest" owner=- holder=- name= at=- user=0 left=$rest
    ino=\${rest##* ino:} ino=\${ino%% *}
    case $rest in *' uid:'*) user=\${rest##* uid:} user=\${user%% *} ;; esac
    case $rest in *' cgroup:'*.service*) at=\${rest##* cgroup:} at=\${at%% *} ;; esac
    for ((i = 0; i < $#; i++)); do if [ "$at" = "\${mine[i]}" ]; then owner=$i; fi; done
    while [[ $owner = - && $left =~ pid=([0-9]+),fd=([0-9]+)\\)(.*) ]]; do
      pid=\${BASH_REMATCH[1]} left=\${BASH_REMATCH[3]}
      if [ "$(readlink "/proc/$pid/fd/\${BASH_REMATCH[2]}")" != "socket:[$ino]" ]; then continue; fi
      line_of "$pid" && { unit_of "$pid" || [ -d "/proc/$pid" ]; } || return
      IFS= read -r name < "/proc/$pid/comm" || return
      holder=$pid
      for ((i = 0; i < $#; i++)); do
        case $line in *" \${@:i+1:1} "*) owner=$i ;; esac
        if [ -n "$unit" ] && [ "$unit" = "\${mine[i]}" ]; then owner=$i; fi
      done
    done
    if [ $owner$holder = -- ] && [ "$left" != "$rest" ]; then return 1; fi
    if [ "$user" = 0 ]; then user=root; else user=$(id -nu -- "$user" || echo "$user"); fi
    printf '%s %s %s %s %s %s\\n' "$owner" "$address" "$user" "\${at##*/}" "$holder" "\${name//[![:print:]]/?}"
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
}`

/** The filter of `whose` for the sockets of one port. */
export const onPort = (port: number): string => `sport = :${port}`

/** Reads what `whose` printed. */
export const parseSockets = (lines: readonly string[]): readonly Socket[] => lines.filter(Boolean).map(parseSocket)

function parseSocket(line: string): Socket {
  const [owner = '-', local = '', user = '', unit = '-', pid = '-', ...name] = line.split(' ')
  const colon = local.lastIndexOf(':')
  return {
    owner: owner === '-' ? undefined : Number(owner),
    address: local.slice(0, colon),
    port: Number(local.slice(colon + 1)),
    user,
    unit: unit === '-' ? undefined : unit,
    pid: pid === '-' ? undefined : Number(pid),
    name: name.join(' ') || undefined,
  }
}

/** A socket's process in words, as far as it can be seen: `perl, process 812, of stranger.service, run by nobody on 127.0.0.1`. */
export const holderWords = ({ name, pid, unit, user, address }: Socket): string =>
  [
    pid === undefined ? 'a process that we may not see' : `${name ?? 'a program'}, process ${pid}`,
    ...(unit === undefined ? [] : [`of ${unit}`]),
    `run by ${user} on ${address}`,
  ].join(', ')
