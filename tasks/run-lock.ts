/** The lock of a run, which is taken once, on each machine of the project, and the readings that were made at the same time. */
import type { Guard, Host } from '../host/host.ts'
import { type AnyQuery, isSkipped, perform } from '../host/query.ts'
import type { RunSetting } from '../runner/task.ts'
import type { Layout } from '../slots/layout.ts'
import { fenceOf } from '../slots/lock/fence.ts'
import { causeOf, type Lock, type LockWait, takeLock, underLock } from '../slots/lock/lock.ts'
import type { Deploy } from '../slots/model.ts'
import type { Readings } from '../slots/state/readings.ts'

/** A machine with a lock of its own. */
interface Lockable {
  /** The name of the host. */
  readonly name: string
  readonly layout: Layout
}

/**
 * @param machines in the order of their locks, the same in all runs. The first lock is taken before the others, which are taken side by side: no other run
 *   gets past the first one before it has all. So a run that has lost its connection there keeps the other locks, and can restore the route.
 */
export function runLock(
  machines: readonly Lockable[],
  deploy: Deploy,
  { signal, command }: Pick<RunSetting, 'signal' | 'command'>,
) {
  let taking: Promise<readonly (Lock | undefined)[]> | undefined
  let taken: readonly (Lock | undefined)[] = []
  const early = new Map<string, Promise<Readings>>()
  /** A run that has lost one of its locks writes nowhere, except to undo. */
  const checkAll = () => {
    for (const lock of taken) lock?.check()
  }
  const guards = machines.map(({ name, layout }, i): Guard => {
    const fence = fenceOf({
      host: name,
      layout,
      deploy: deploy.id,
      lock: () => taken[i] && { ...taken[i], check: checkAll },
      // Writes after an abort undo the changes of this run.
      undoing: () => signal.aborted,
    })
    return {
      ...fence,
      script() {
        // A write makes the early readings stale.
        early.delete(name)
        return fence.script()
      },
    }
  })

  const readUnderLock = ({ name, layout }: Lockable, { host, reading }: Held) => {
    if (!reading) return
    const batch = host.pipeline()
    batch.push(perform(underLock(layout, deploy)))
    early.set(name, batch.add(reading))
    void batch.run()
  }

  async function takeAll(held: readonly (Held | undefined)[], wait: LockWait): Promise<readonly (Lock | undefined)[]> {
    const began = Date.now()
    const takeOne = async (machine: Lockable, i: number): Promise<Lock | undefined> => {
      const one = held[i]
      if (!one) return undefined
      const left = i === 0 ? wait : { ...wait, wait: Math.max(0, wait.wait - (Date.now() - began)) }
      const lock = takeLock(one.host, machine.layout, deploy, command, left)
      if (wait.wait === 0) readUnderLock(machine, one)
      return lock
    }
    const [first, ...others] = machines
    const locks = first ? [await takeOne(first, 0)] : []
    const rest = await Promise.allSettled(others.map((machine, i) => takeOne(machine, i + 1)))
    locks.push(...rest.map(result => (result.status === 'fulfilled' ? result.value : undefined)))
    const failed = rest.find(result => result.status === 'rejected')
    if (!failed) return locks
    await Promise.all(locks.map(lock => lock?.[Symbol.asyncDispose]()))
    throw failed.reason
  }

  return {
    /** In the order of the machines. */
    guards,
    /** @throws LOCK_LOST if a host has released its lock while it could be reached, unless the run undoes its changes */
    check() {
      if (!signal.aborted && taken.some(lock => lock?.expired())) checkAll()
    },
    /** The error to report for a step that failed. */
    causeOf: (error: unknown): unknown => (signal.aborted ? error : causeOf(error, taken)),
    /** Takes the locks of these machines, in their order; undefined for one without a lock. */
    async take(held: readonly (Held | undefined)[], wait: LockWait = { wait: 0 }): Promise<void> {
      taking ??= takeAll(held, wait)
      taken = await taking
    },
    /**
     * The readings of a machine that were made under the lock. Undefined on a second call, if the lock was not ours in time, or if anything was written
     * there since.
     */
    async prefetched(name: string): Promise<Readings | undefined> {
      const reading = early.get(name)
      early.delete(name)
      return reading?.catch((error: unknown) => {
        if (!isSkipped(error)) throw error
        return undefined
      })
    },
  }
}

/** A machine whose lock is taken. */
interface Held {
  readonly host: Host
  /** Is read in the same batch, so that it costs no extra round trip; only without a wait. */
  readonly reading?: AnyQuery<Readings> | undefined
}
