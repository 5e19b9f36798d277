/**
 * One lock an application a host. It is held by an open descriptor on the host and kept by a heartbeat, so that nothing is
 * left behind when its holder is killed, and it is free within `TTL` when its holder is frozen.
 */

import { EXIT } from '../../host/exit-codes.ts'
import type { Host, RemoteProcess } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, LockOwner } from '../model.ts'
import { assertSetUp } from '../setup/owner.ts'
import { parseMaintenance } from './maintenance.ts'

/** Seconds without a heartbeat after which the host lets go of the lock. */
export const TTL = 15
const HEARTBEAT = 5_000

/** The holder's script. `wait`: milliseconds in line. */
export const holdLock = ({ lock, maintenance }: Layout, wait = 0): Script =>
  program(new URL('./hold.sh', import.meta.url), {
    writes: true,
    parameters: { lock, maintenance, wait, ttl: TTL },
  })

/**
 * Waits until the lock file names this deploy, and exits with `NOT_OURS` when that takes too long: what stands behind it in a pipeline runs under the
 * lock, or is skipped.
 */
export const underLock = (layout: Layout, deploy: Deploy): Script =>
  sh.read`
for ((i = 0; i < 200; i++)); do
  if grep -qsF ${`"deploy":"${deploy.id}"`} ${layout.lock}; then exit 0; fi
  sleep 0.01
done
exit ${NOT_OURS}`

const NOT_OURS = EXIT.lock.notOurs

export interface Lock extends AsyncDisposable {
  /** Throws `LOCK_LOST` when the host let go of it. Asked before each script that changes something. */
  check(): void
}

export interface LockWait {
  /** How long to wait for it, in milliseconds; 0 is not at all. */
  readonly wait: number
  /** Ends the wait. */
  readonly signal?: AbortSignal
  /** Called with the current owner, each time that it changes. */
  onWait?(owner: LockOwner): void
}

/** Takes the lock, or throws `LOCK_TAKEN`, which says by whom it is held and since when, or `CLOSED` during maintenance. */
export async function takeLock(
  host: Host,
  layout: Layout,
  deploy: Deploy,
  doing: string,
  { wait, signal, onWait }: LockWait = { wait: 0 },
): Promise<Lock> {
  const owner: LockOwner = { by: deploy.by, deploy: deploy.id, doing, since: new Date().toISOString() }
  const held: RemoteProcess = await host.spawn(holdLock(layout, Math.ceil(wait)), JSON.stringify(owner))
  const letGo = () => void held[Symbol.asyncDispose]()
  signal?.addEventListener('abort', letGo, { once: true })
  const answer = await outcome(held, onWait)
  signal?.removeEventListener('abort', letGo)
  if (answer !== 'held') {
    await held[Symbol.asyncDispose]()
    signal?.throwIfAborted()
    const [, word, words = ''] = /^(\w+) ?(.*)$/.exec(answer ?? '') ?? []
    if (word === 'closed') throw slotFaults.CLOSED({ host: host.name, ...parseMaintenance(words) })
    if (word === 'taken') throw slotFaults.LOCK_TAKEN({ host: host.name, owner: parseOwner(words) })
    if (word === 'unwritable') throw slotFaults.ROOT_NOT_WRITABLE({ host: host.name, root: layout.root })
    await host.query(assertSetUp(layout))
    throw slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
  }
  let lost = false
  const beat = setInterval(() => held.send('beat'), HEARTBEAT)
  beat.unref()
  void held.ended.then(() => {
    lost = true
    clearInterval(beat)
  })
  return {
    check() {
      if (lost) throw slotFaults.LOCK_LOST({ host: host.name, ttl: TTL })
    },
    async [Symbol.asyncDispose]() {
      clearInterval(beat)
      await held[Symbol.asyncDispose]()
    },
  }
}

/** The first line that is not about waiting. Not `for await`: leaving such a loop would end the lines, and with them the holder. */
async function outcome(held: RemoteProcess, onWait: LockWait['onWait']): Promise<string | undefined> {
  const lines = held.lines[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await lines.next()
    if (done) return undefined
    if (!value.startsWith('waiting ')) return value
    const owner = parseOwner(value.slice('waiting '.length))
    if (owner) onWait?.(owner)
  }
}

export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    return JSON.parse(text ?? '') as LockOwner
  } catch {
    return undefined
  }
}
