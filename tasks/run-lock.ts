/** The lock of a run, which is taken once, on each machine of the project, and the readings that were made at the same time. */
import type { Guard, Host } from '../host/host.ts'
import { type AnyQuery, isSkipped, perform } from '../host/query.ts'
import type { RunSetting } from '../runner/task.ts'
import type { Layout } from '../slots/layout.ts'
import { fenceOf } from '../slots/lock/fence.ts'
import { type Lock, type LockWait, takeLock, underLock } from '../slots/lock/lock.ts'
import type { Deploy } from '../slots/model.ts'
import type { Readings } from '../slots/state/readings.ts'

/** A machine with a lock of its own. */
interface Lockable {
  /** The name of the host. */
  readonly name: string
  readonly layout: Layout
}

/**
 * @param machines in the order in which their locks are taken, the same in all runs: the application's host first. So a run that has lost its connection
 *   there keeps the balancer's lock, and can restore the route, because no other run gets past the first lock before it has the second.
 */
export function runLock(
  machines: readonly Lockable[],
  deploy: Deploy,
  { signal, command }: Pick<RunSetting, 'signal' | 'command'>,
) {
  let taking: Promise<readonly (Lock | undefined)[]> | undefined
  let taken: readonly (Lock | undefined)[] = []
  let early: Promise<Readings> | undefined
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
        early = undefined
        return fence.script()
      },
    }
  })

  async function takeAll(hosts: readonly (Host | undefined)[], wait: LockWait): Promise<readonly (Lock | undefined)[]> {
    const began = Date.now()
    const locks: (Lock | undefined)[] = []
    try {
      for (const [i, { layout }] of machines.entries()) {
        const host = hosts[i]
        const left = i === 0 ? wait : { ...wait, wait: Math.max(0, wait.wait - (Date.now() - began)) }
        locks[i] = host && (await takeLock(host, layout, deploy, command, left))
      }
      return locks
    } catch (error) {
      await Promise.all(locks.map(lock => lock?.[Symbol.asyncDispose]()))
      throw error
    }
  }

  return {
    /** In the order of the machines. */
    guards,
    /**
     * Takes the locks of these hosts, in the order of the machines; undefined for one without a lock. With one machine it sends the readings in the same
     * batch, so that they cost no extra round trip.
     */
    async take(
      hosts: readonly (Host | undefined)[],
      reading: AnyQuery<Readings>,
      wait: LockWait = { wait: 0 },
    ): Promise<void> {
      const first = taking === undefined
      taking ??= takeAll(hosts, wait)
      const [host, ...others] = hosts
      const [machine] = machines
      if (first && wait.wait === 0 && host && machine && others.length === 0) {
        const batch = host.pipeline()
        batch.push(perform(underLock(machine.layout, deploy)))
        early = batch.add(reading)
        void batch.run()
      }
      taken = await taking
    },
    /** The readings made under the lock. Undefined on a second call, if the lock was not ours in time, or if anything was written since. */
    async prefetched(): Promise<Readings | undefined> {
      const reading = early
      early = undefined
      return reading?.catch((error: unknown) => {
        if (!isSkipped(error)) throw error
        return undefined
      })
    },
  }
}
