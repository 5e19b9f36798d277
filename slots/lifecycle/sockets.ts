/** The listening sockets of a host and their owners, as printed by `whose`. */
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asApplication } from '../as-application.ts'

/** A listening TCP socket. */
export interface Socket {
  /** Index of the process that it belongs to among the pids passed to `whose`; undefined for a foreign socket. */
  readonly owner: number | undefined
  readonly address: string
  readonly port: number
  /** The user of the process that created it. */
  readonly user: string
  /** The systemd service in which it was created, such as `shop@blue.service`, if the kernel reports it. */
  readonly unit: string | undefined
  /** Undefined for processes of other users, which only root can see. */
  readonly pid: number | undefined
  readonly name: string | undefined
}

/**
 * Defines the shell function `whose FILTER PID...`, which prints the listening sockets; with an empty filter, all of them.
 *
 * @param application the user that the application runs as, if that is not the deploying one
 */
export const whose = (application?: string): Script =>
  program(new URL('./whose.sh', import.meta.url), {
    parameters: {
      applicationId: application === undefined ? sh.read`:` : sh.read`id -u ${application} || :`,
      applicationSockets: application === undefined ? sh.read`:` : socketsOf(application),
    },
  })

const socketsOf = (user: string): Script =>
  asApplication(
    user,
    program(new URL('./application-sockets.sh', import.meta.url)),
    sh.read`printf 'filter=%q\\n' "$1"`,
  )

/** The ss filter for one port. */
export const onPort = (port: number): string => `sport = :${port}`

/** Parses the output of `whose`. */
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

/** @example `perl, process 812, of stranger.service, run by nobody on 127.0.0.1` */
export const describeHolder = ({ name, pid, unit, user, address }: Socket): string =>
  [
    pid === undefined ? 'a process that this user cannot see' : `${name ?? 'a program'}, process ${pid}`,
    ...(unit === undefined ? [] : [`of ${unit}`]),
    `run by ${user} on ${address}`,
  ].join(', ')
