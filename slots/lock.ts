/**
 * One lock an application a host. It is held by an open descriptor on the host and kept by a heartbeat, so that nothing is
 * left behind when its holder is killed, and it is free within `TTL` when its holder is frozen.
 */
import type { Held, Host } from '../host/host.ts'
import { type Script, sh } from '../host/script.ts'
import { slotFaults } from './faults.ts'
import type { Deploy } from './journal.ts'
import type { Layout } from './layout.ts'

/** Seconds without a heartbeat after which the host lets go of the lock. */
export const TTL = 15
const HEARTBEAT = 5_000

export interface LockOwner {
  readonly by: string
  readonly deploy: string
  readonly doing: string
  /** ISO 8601, UTC. */
  readonly since: string
}

/**
 * The holder's script. The first line of its input says who takes the lock, each further line is a heartbeat. The same open
 * file carries the lock and the words about its owner, so they cannot be told apart by a crash.
 */
export const holdLock = (layout: Layout): Script => sh.write`
exec 9>>${layout.lock}
IFS= read -r owner
if ! flock -n 9; then printf 'taken %s\\n' "$(cat ${layout.lock})"; exit 0; fi
printf '%s\\n' "$owner" > ${layout.lock}
printf 'held\\n'
while IFS= read -r -t ${TTL} _; do :; done
: > ${layout.lock}`

export interface Lock extends AsyncDisposable {
  /** Throws `LOCK_LOST` when the host let go of it. Asked before each step that changes something. */
  check(): void
}

/** Takes the lock or throws `LOCK_TAKEN`, which says by whom it is held and since when. */
export async function takeLock(host: Host, layout: Layout, deploy: Deploy, doing: string): Promise<Lock> {
  const owner: LockOwner = { by: deploy.by, deploy: deploy.id, doing, since: new Date().toISOString() }
  const held: Held = await host.hold(holdLock(layout))
  held.send(JSON.stringify(owner))
  const answer = await firstLine(held)
  if (answer !== 'held') {
    await held[Symbol.asyncDispose]()
    if (answer === undefined) throw slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
    throw slotFaults.LOCK_TAKEN({ host: host.name, owner: parseOwner(answer.replace(/^taken /, '')) })
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

/** Not `for await`: leaving such a loop would end the lines, and with them the holder. */
async function firstLine(held: Held): Promise<string | undefined> {
  const { done, value } = await held.lines[Symbol.asyncIterator]().next()
  return done ? undefined : value
}

export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    return JSON.parse(text ?? '') as LockOwner
  } catch {
    return undefined
  }
}
