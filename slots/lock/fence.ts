/**
 * Keeps late writes out. While a run holds the lock, all that it changes on the host first looks, there and in the same script,
 * whether the lock still names this deploy: its scripts that write, its files, and the commands of a Taskfile's own. A client
 * that was frozen, or cut off, and comes back after another has taken over is refused there.
 */
import { EXIT } from '../../host/exit-codes.ts'
import type { Guard } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { type Lock, parseOwner } from './lock.ts'

const REFUSED = EXIT.fence.refused
const MARK = 'switchyard: the lock is not ours, it names '

/** Exits, having done nothing, unless it is this deploy that had the lock last. */
export const fence = (layout: Layout, deploy: string): Script =>
  sh.read`grep -qF ${`"deploy":"${deploy}"`} ${layout.lock} || { printf '%s%s\\n' ${MARK} "$(cat ${layout.lock})" >&2; exit ${REFUSED}; }`

interface Fenced {
  /** For people. */
  readonly host: string
  readonly layout: Layout
  readonly deploy: string
  /** The lock that this run holds now, if any. */
  lock(): Lock | undefined
  /** The run takes back what it did: it may, also when its lock was lost, as long as nobody had it since. */
  undoing(): boolean
}

/** The fence of a run that may hold the lock: writing throws `LOCK_LOST` or `OVERTAKEN` when it should not. */
export const fenceOf = ({ host, layout, deploy, lock, undoing }: Fenced): Guard => ({
  script() {
    const held = lock()
    if (!held) return undefined
    if (!undoing()) held.check()
    return fence(layout, deploy)
  },
  refusal(code, stderr) {
    const at = code === REFUSED ? stderr.lastIndexOf(MARK) : -1
    if (at < 0) return undefined
    return slotFaults.OVERTAKEN({ host, owner: parseOwner(stderr.slice(at + MARK.length).split('\n')[0]) })
  },
})
