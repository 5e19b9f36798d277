/** Who listens on a host: the sockets, as `whose` prints them. */
import { program } from '../../host/program.ts'
import type { Script } from '../../host/script.ts'

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

/** The function `whose FILTER PID...` of the shell, which prints each socket that listens; no filter, all sockets. */
export const whose: Script = program(new URL('./whose.sh', import.meta.url))

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
