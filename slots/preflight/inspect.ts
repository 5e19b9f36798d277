/** One script that reads of a host all that the preflight wants to know, and how its output is read. */

import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Answer, Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { askOnce } from '../health/health.ts'
import { adoptedPid } from '../lifecycle/adopt.ts'
import { parseSockets, type Socket, whose } from '../lifecycle/sockets.ts'
import { parseOwner } from '../lock/lock.ts'
import { closedWords, parseClosed } from '../lock/maintenance.ts'
import type { LockOwner, Maintenance } from '../model.ts'
import { probeTrouble } from '../promote/probe.ts'
import { askSudo, type SudoAnswer, sudoAnswer } from '../sudo/refusal.ts'
import { type Mount, mountLines, parseMounts } from './mounts.ts'

export interface HostInspection {
  /** Milliseconds since 1970, by the host's clock. */
  readonly clock: number
  /** Of the releases' file system: bytes and inodes that are free, undefined where it has no fixed number, and where it is mounted. */
  readonly disk: { readonly free: number; readonly inodes: number | undefined; readonly mount: string }
  /** How the file systems are mounted of the releases, of the application's folder and of `/tmp`. */
  readonly mounts: readonly Mount[]
  /** All sockets that listen; the owner is the position of the slot. */
  readonly sockets: readonly Socket[]
  /** What each slot's application answered to one question for its health; status 0 when it gave no answer. */
  readonly answers: readonly Answer[]
  readonly sudo: SudoAnswer
  /** Environment files of slots that cannot be read, or that others can read. */
  readonly environments: readonly string[]
  /** Who holds the lock now. */
  readonly busy: LockOwner | undefined
  /** Who closed it for maintenance. */
  readonly closed?: Maintenance | undefined
  /** Whether the release is on the host already. */
  readonly there: boolean
  /** Why a promote cannot measure itself there; undefined when it can, and when that was not asked. */
  readonly unmeasured: string | undefined
}

const MARK = '@@ '
/** Milliseconds that an application has to answer: it is asked once, while everything else is looked at. */
const PATIENCE = 2_000

/** Without a release, as for `doctor`, it also asks what only a person wants to know. */
export function inspect(
  { layout, slots, runtime, health }: Pick<Deps, 'layout' | 'slots' | 'runtime' | 'health'>,
  sudo: readonly (readonly string[])[],
  release?: Release,
): Script {
  const healthy = slots.all.map((slot, i) => sh.read`healthy ${i} "$(${askOnce(slot, health, PATIENCE)})" &`)
  const processes = slots.all.map(
    slot => sh.read`pid=$(${runtime.pid(slot)}); pids+=("\${pid:-$(${adoptedPid(layout, slot)})}")`,
  )
  const parameters = {
    releases: layout.releases,
    lock: layout.lock,
    record: `${release?.dir ?? layout.root}/release.json`,
    environments: slots.names.map(name => layout.slot(name).env),
    mounts: mountLines(layout),
    findPids: sh.lines(...processes),
    askSudo: askSudo(sudo),
    askHealth: sh.lines(...healthy),
    closed: closedWords(layout),
    unmeasured: release ? sh.read`` : sh.read`echo '@@ unmeasured'; ${probeTrouble}`,
  }
  return sh.lines(whose, program(new URL('./inspect.sh', import.meta.url), { parameters }))
}

export function parseInspection(text: string): HostInspection {
  const section = new Map<string, readonly string[]>(
    text
      .split(new RegExp(`^${MARK}`, 'm'))
      .slice(1)
      .map(part => part.trimEnd().split('\n'))
      .map(([name = '', ...lines]) => [name, lines]),
  )
  const lines = (name: string) => section.get(name) ?? []
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
    closed: parseClosed(lines('closed').join('\n')),
    there: lines('there')[0] === 'yes',
    unmeasured: lines('unmeasured').join(', ') || undefined,
  }
}

/** `<position of the slot> <status> <body in one line>`, in the order in which they came. */
function answersIn(lines: readonly string[]): readonly Answer[] {
  const answers: Answer[] = []
  for (const line of lines) {
    const [, slot, status, body = ''] = /^(\d+) (\d+) (.*)$/.exec(line) ?? []
    if (slot !== undefined) answers[Number(slot)] = { status: Number(status), body }
  }
  return answers
}
