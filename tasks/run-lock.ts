/** The lock of a run, which is taken once, on each machine of the project, and the readings that were made at the same time. */
import type { Guard, Host } from '../host/host.ts'
import { type AnyQuery, isSkipped, perform } from '../host/query.ts'
import { Fault } from '../runner/fault.ts'
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
 * The locks are taken in the order of the names of their machines, which is the same in all runs, whatever hosts they are for: the first one alone, then the
 * others side by side. Whoever has to wait for one holds none behind it, so that no two runs ever wait for each other.
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

  const order = machines.map((_, i) => i).toSorted((a, b) => byName(machines[a], machines[b]))

  async function takeAll(held: readonly (Held | undefined)[], wait: LockWait): Promise<readonly (Lock | undefined)[]> {
    const end = performance.now() + wait.wait
    const left = () => Math.max(0, end - performance.now())
    const locks = machines.map((): Lock | undefined => undefined)
    const takeOne = async (i: number, patience: number): Promise<void> => {
      const [machine, one] = [machines[i], held[i]]
      if (!machine || !one) return
      const lock = takeLock(one.host, machine.layout, deploy, command, { ...wait, wait: patience })
      if (wait.wait === 0) readUnderLock(machine, one)
      locks[i] = await lock
    }
    const release = async (behind: readonly number[]) => {
      await Promise.all(behind.map(i => locks[i]?.[Symbol.asyncDispose]()))
      for (const i of behind) locks[i] = undefined
    }
    try {
      for (let next = 0; ; ) {
        const [first, ...others] = order.slice(next)
        if (first !== undefined) await takeOne(first, left())
        const results = await Promise.allSettled(others.map(i => takeOne(i, 0)))
        const at = results.findIndex(({ status }) => status === 'rejected')
        const failed = results[at]
        if (failed?.status !== 'rejected') return locks
        if (!isTaken(failed.reason) || left() === 0) throw failed.reason
        await release(others.slice(at))
        next += at + 1
      }
    } catch (error) {
      await release(order)
      throw error
    }
  }

  return {
    /** In the order of the machines. */
    guards,
    /** @throws LOCK_LOST if a host has released its lock while it could be reached, unless the run undoes its changes */
    check() {
      if (!signal.aborted && taken.some(lock => lock?.expired())) checkAll()
    },
    /** The error to report for a step that failed. */
    causeOf: (error: unknown): unknown => causeOf(error, taken, signal),
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

/** By their characters, because languages differ in how they sort. */
const byName = (a: Lockable | undefined, b: Lockable | undefined): number =>
  (a?.name ?? '') < (b?.name ?? '') ? -1 : 1

const isTaken = (error: unknown): boolean => error instanceof Fault && error.code === 'LOCK_TAKEN'

/** A machine whose lock is taken. */
interface Held {
  readonly host: Host
  /** Is read in the same batch, so that it costs no extra round trip; only without a wait. */
  readonly reading?: AnyQuery<Readings> | undefined
}
