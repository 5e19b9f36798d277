/** The script that collects everything the preflight evaluates, and the parser of its output. */

import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asApplication } from '../as-application.ts'
import type { Answer, Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { healthRequest } from '../health/health.ts'
import { adoptedPid } from '../lifecycle/adopt.ts'
import { parseSockets, type Socket, whose } from '../lifecycle/sockets.ts'
import { parseOwner } from '../lock/lock.ts'
import { closedScript, parseClosed } from '../lock/maintenance.ts'
import type { LockOwner, Maintenance } from '../model.ts'
import { probeTrouble } from '../promote/probe.ts'
import { checkSudo, type SudoAnswer, sudoAnswer } from '../sudo/refusal.ts'
import { type Mount, mountLines, parseMounts } from './mounts.ts'
import { sectionsOf } from './sections.ts'

export interface HostInspection {
  /** The host's clock, in milliseconds since 1970. */
  readonly clock: number
  /**
   * The file system of the releases: free bytes, free inodes and mount point. `inodes` is undefined if the file system has no fixed number of them.
   */
  readonly disk: { readonly free: number; readonly inodes: number | undefined; readonly mount: string }
  /** The mounts of the releases, the application's folder and `/tmp`. */
  readonly mounts: readonly Mount[]
  /** All listening sockets; the owner is the index of the slot. */
  readonly sockets: readonly Socket[]
  /** Each slot's response to one health request; status 0 if there was none. */
  readonly answers: readonly Answer[]
  readonly sudo: SudoAnswer
  /** Environment files of slots that cannot be read, or whose mode is not 0600. */
  readonly environments: readonly string[]
  /** Who holds the lock now. */
  readonly busy: LockOwner | undefined
  /** Who took the lock last, whether or not it is held. */
  readonly last?: LockOwner | undefined
  /** Who closed the host for deploys. */
  readonly closed?: Maintenance | undefined
  /** Whether the release is already on the host. */
  readonly uploaded: boolean
  /** Why a promote cannot be measured on this host; undefined if it can, or if that was not checked. */
  readonly unmeasured: string | undefined
  /** Why no script runs as the user of the application; undefined if they do, or if that is the deploying user. */
  readonly application?: string | undefined
}

/** Timeout of the single health request, in milliseconds. It is sent while everything else is collected. */
const PATIENCE = 2_000

/** Without a release, as for `doctor`, it also checks whether the host can measure a promote. */
export function inspect(
  { layout, slots, runtime, health }: Pick<Deps, 'layout' | 'slots' | 'runtime' | 'health'>,
  sudo: readonly (readonly string[])[],
  release?: Release,
): Script {
  const healthy = slots.all.map((slot, i) => sh.read`healthy ${i} "$(${healthRequest(slot, health, PATIENCE)})" &`)
  const processes = slots.all.map(slot =>
    // The sockets of a server that all slots share belong to none of them.
    runtime.server === undefined
      ? sh.read`pid=$(${runtime.pid(slot)}); pids+=("\${pid:-$(${adoptedPid(layout, slot)})}")`
      : sh.read`pids+=('')`,
  )
  const parameters = {
    releases: layout.releases,
    lock: layout.lock,
    record: `${release?.dir ?? layout.root}/release.json`,
    environments: slots.names.map(name => layout.slot(name).env),
    mounts: mountLines(layout),
    findPids: sh.lines(...processes),
    checkSudo: checkSudo(sudo),
    requestHealth: sh.lines(...healthy),
    closed: closedScript(layout),
    application: layout.user === undefined ? sh.read`` : runsAs(layout.user),
    unmeasured: release ? sh.read`` : sh.read`echo '@@ unmeasured'; ${probeTrouble}`,
  }
  return sh.lines(whose(layout.user), program(new URL('./inspect.sh', import.meta.url), { parameters }))
}

/** Prints what prevents it. */
const runsAs = (user: string): Script =>
  sh.read`echo '@@ application'; if ! said=$( (${asApplication(user, sh.read`:`)}) 2>&1); then printf '%s\\n' "\${said:-no reason given}"; fi`

export function parseInspection(text: string): HostInspection {
  const lines = sectionsOf(text)
  const [free, itotal, inodes, mount = ''] = (lines('disk')[0] ?? '').trim().split(/\s+/)
  return {
    clock: Number(lines('clock')[0]),
    disk: { free: Number(free), inodes: Number(itotal) > 0 ? Number(inodes) : undefined, mount },
    mounts: parseMounts(lines('mounts')),
    sockets: parseSockets(lines('sockets')),
    answers: answersIn(lines('answers')),
    sudo: sudoAnswer(lines('sudo'), lines('denied')),
    environments: lines('environments'),
    busy: parseOwner(lines('busy').join('\n')),
    last: parseOwner(lines('last').join('\n')),
    closed: parseClosed(lines('closed').join('\n')),
    uploaded: lines('there')[0] === 'yes',
    unmeasured: lines('unmeasured').join(', ') || undefined,
    application:
      lines('application')
        .join(' ')
        .replace(/^sudo: /, '') || undefined,
  }
}

/** Parses lines of `<index of the slot> <status> <body in one line>`, which may be in any order. */
function answersIn(lines: readonly string[]): readonly Answer[] {
  const answers: Answer[] = []
  for (const line of lines) {
    const [, slot, status, body = ''] = /^(\d+) (\d+) (.*)$/.exec(line) ?? []
    if (slot !== undefined) answers[Number(slot)] = { status: Number(status), body }
  }
  return answers
}
