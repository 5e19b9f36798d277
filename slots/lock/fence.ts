/**
 * Rejects writes from a run that has lost its lock. While a run holds the lock, each of its writes first checks, on the host and in the same script,
 * that the lock file still names this deploy, and that the lock was not released: scripts, files, and the commands of a Taskfile. So a client that was frozen
 * or cut off cannot write any more, and least of all after another run has taken over.
 */
import { EXIT } from '../../host/exit-codes.ts'
import type { Guard } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { type Lock, parseOwner, TTL } from './lock.ts'

const REFUSED = EXIT.fence.refused
const MARK = 'switchyard: the lock is not ours, it names '

/**
 * Exits with `REFUSED` unless the lock file names this deploy. Unless the run undoes its changes, also if the lock was released: a host that was frozen gets the
 * scripts that were on their way when it goes on, such as that of a switch which the other hosts have taken back meanwhile. The first write of an undo releases
 * the lock for those that reach the host after it.
 */
export const fence = (layout: Layout, deploy: string, undoing = false): Script =>
  undoing
    ? sh.write`${unlessOurs(layout, deploy, sh.read``)}; ${refuseLate(layout)}`
    : unlessOurs(layout, deploy, sh.read` && ! grep -qxF released ${layout.lock}`)

const unlessOurs = ({ lock }: Layout, deploy: string, andNot: Script): Script =>
  sh.read`{ grep -qF ${`"deploy":"${deploy}"`} ${lock}${andNot}; } || { printf '%s%s\\n' ${MARK} "$(cat ${lock})" >&2; exit ${REFUSED}; }`

/** An undo goes on without it, as on a full disk. */
const refuseLate = ({ lock }: Layout): Script =>
  sh.write`grep -qxF released ${lock} || { printf 'released\\n' >> ${lock}; } 2> /dev/null || :`

interface Fenced {
  /** The name of the host, for messages. */
  readonly host: string
  readonly layout: Layout
  readonly deploy: string
  /** The lock that this run holds now, if any. */
  lock(): Lock | undefined
  /** The run is undoing its changes. That is allowed after the lock was lost, as long as no other run has taken it. */
  undoing(): boolean
}

/** The guard of a run that may hold the lock. A rejected write throws `LOCK_LOST` or `OVERTAKEN`. */
export const fenceOf = ({ host, layout, deploy, lock, undoing }: Fenced): Guard => ({
  script() {
    const held = lock()
    if (!held) return undefined
    if (!undoing()) held.check()
    return fence(layout, deploy, undoing())
  },
  refusal(code, stderr) {
    const at = code === REFUSED ? stderr.lastIndexOf(MARK) : -1
    if (at < 0) return undefined
    const owner = parseOwner(stderr.slice(at + MARK.length).split('\n')[0])
    return owner?.deploy === deploy ? slotFaults.LOCK_LOST({ host, ttl: TTL }) : slotFaults.OVERTAKEN({ host, owner })
  },
})
