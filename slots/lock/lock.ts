/**
 * One lock per application and host. A process on the host holds it through an open file descriptor, and our heartbeat keeps that process alive.
 * So the lock is freed when its holder is killed, and within `TTL` when its holder is frozen.
 */

import { EXIT } from '../../host/exit-codes.ts'
import type { Host, RemoteProcess } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Fault, isFault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, LockOwner } from '../model.ts'
import { assertSetUp } from '../setup/owner.ts'
import { parseMaintenance } from './maintenance.ts'

/** Seconds without a heartbeat after which the host releases the lock. */
export const TTL = 15
/** Interval, in milliseconds. */
const HEARTBEAT = 5_000

/** The script that holds the lock. `wait`: milliseconds to wait for it. `destination`: refuses a lock that another one has used. */
export const holdLock = ({ lock, maintenance }: Layout, wait = 0, destination = ''): Script =>
  program(new URL('./hold.sh', import.meta.url), {
    writes: true,
    parameters: { lock, maintenance, wait, ttl: TTL, destination },
  })

/**
 * Waits up to 2 s until the lock file names this deploy, else exits with `NOT_OURS`. Queries behind it in a pipeline therefore run under the lock, or are
 * skipped.
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
  /** Called before each script that writes. @throws `LOCK_LOST` if the host has released the lock. */
  check(): void
  /** Whether the host has released the lock while it could be reached: this run was frozen, so what it knows of the host may no longer be so. */
  expired(): boolean
}

/** Errors that say by themselves why a run cannot go on. */
const TOLD = new Set(['CONNECTION_LOST', 'LOCK_LOST', 'OVERTAKEN'])

/**
 * The error to report for a step that failed. A run that was frozen until the host released its lock may have seen the work of the next run, such as a process
 * that was replaced: then it is `LOCK_LOST`, unless the run undoes its changes.
 */
export function causeOf(
  error: unknown,
  locks: readonly (Lock | undefined)[],
  { aborted }: Pick<AbortSignal, 'aborted'>,
): unknown {
  if (aborted || (isFault(error) && TOLD.has(error.code))) return error
  const lock = locks.find(lock => lock?.expired())
  try {
    lock?.check()
    return error
  } catch (lost) {
    return lost
  }
}

export interface LockWait {
  /** Timeout in milliseconds; 0: do not wait. */
  readonly wait: number
  /** Aborts the wait. */
  readonly signal?: AbortSignal
  /** Called with the current owner, each time it changes. */
  onWait?(owner: LockOwner): void
}

/**
 * Takes the lock.
 * @throws `LOCK_TAKEN` with the owner; `CLOSED` during maintenance; `DESTINATION_OTHER` if the last run was for another destination; `ROOT_NOT_WRITABLE`, `NOT_SET_UP` or `NOT_OURS` if there is no lock to take.
 */
export async function takeLock(
  host: Host,
  layout: Layout,
  deploy: Deploy,
  doing: string,
  { wait, signal, onWait }: LockWait = { wait: 0 },
): Promise<Lock> {
  const { by, id, destination } = deploy
  const owner: LockOwner = {
    by,
    deploy: id,
    doing,
    since: new Date().toISOString(),
    ...(destination !== undefined && { destination }),
  }
  const script = holdLock(layout, Math.ceil(wait), destination)
  return holding(host, script, JSON.stringify(owner), {
    wait: { wait, ...(signal && { signal }), ...(onWait && { onWait }) },
    ownerOf: parseOwner,
    async refusal(answer) {
      const [, result, text = ''] = /^(\w+) ?(.*)$/.exec(answer ?? '') ?? []
      if (result === 'closed') return slotFaults.CLOSED({ host: host.name, ...parseMaintenance(text) })
      if (result === 'taken') return slotFaults.LOCK_TAKEN({ host: host.name, owner: parseOwner(text) })
      if (result === 'other')
        return slotFaults.DESTINATION_OTHER({ host: host.name, ...layout, ours: destination ?? '', theirs: text })
      if (result === 'unwritable') return slotFaults.ROOT_NOT_WRITABLE({ host: host.name, root: layout.root })
      await host.query(assertSetUp(layout))
      return slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
    },
  })
}

interface Holding {
  readonly wait: LockWait
  /** The owner that a line names behind `waiting `. */
  ownerOf(text: string): LockOwner | undefined
  /** The error for a script that ended with this line, or without one. */
  refusal(answer: string | undefined): Promise<Fault> | Fault
}

/** Starts a script that holds a lock once it prints `held`, and keeps it alive with heartbeats. */
export async function holding(
  host: Host,
  script: Script,
  owner: string,
  { wait: { signal, onWait }, ownerOf, refusal }: Holding,
): Promise<Lock> {
  const held: RemoteProcess = await host.spawn(script, owner)
  const release = () => void held[Symbol.asyncDispose]()
  signal?.addEventListener('abort', release, { once: true })
  const answer = await outcome(held, text => {
    const other = ownerOf(text)
    if (other) onWait?.(other)
  })
  signal?.removeEventListener('abort', release)
  if (answer !== 'held') {
    await held[Symbol.asyncDispose]()
    signal?.throwIfAborted()
    throw await refusal(answer)
  }
  let lost = false
  let beaten = performance.now()
  /** Without a heartbeat for as long the host has released the lock, even if we have not heard of that yet: this process was frozen. */
  const late = () => performance.now() - beaten > TTL * 1_000
  const beat = setInterval(() => {
    lost ||= late()
    if (lost) return
    beaten = performance.now()
    held.send('beat')
  }, HEARTBEAT)
  beat.unref()
  let released = false
  void held.ended.then(code => {
    lost = true
    released = code !== undefined
    clearInterval(beat)
  })
  return {
    check() {
      if (lost || late()) throw slotFaults.LOCK_LOST({ host: host.name, ttl: TTL })
    },
    expired: () => released || late(),
    async [Symbol.asyncDispose]() {
      clearInterval(beat)
      await held[Symbol.asyncDispose]()
    },
  }
}

/** The first line other than `waiting`. Not a `for await` loop: leaving it would close the iterator, and with it the process that holds the lock. */
async function outcome(held: RemoteProcess, onWait: (owner: string) => void): Promise<string | undefined> {
  const lines = held.lines[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await lines.next()
    if (done) return undefined
    if (!value.startsWith('waiting ')) return value
    onWait(value.slice('waiting '.length))
  }
}

export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    return JSON.parse(text ?? '') as LockOwner
  } catch {
    return undefined
  }
}
