import { perform } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { assertReplicas } from '../limits.ts'
import { MAX_REPLICAS } from '../router/haproxy-config.ts'
import { scaleService } from '../service.ts'
import { healthy } from '../steps/start-slot.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const scale = <S extends string>({ task, slot }: SwarmDeps<S>, locked: TakeLock) =>
  task('Change how many tasks a slot has', {
    description:
      'Waits until all of them are healthy and every router reaches them. The next deploy gives the other slot at least as many as the live one has.',
    examples: ['scale green 6'],
    args: { slot, replicas: arg.integer(`How many tasks, at most ${MAX_REPLICAS}`, { least: 1 }) },
    needs: [locked],
    changes: true,
    async run({ slot, replicas, dryRun, note, ...context }) {
      assertReplicas(replicas)
      const { host, names } = context
      const before = (await context.cluster()).slots.get(slot)
      if (!before) throw swarmFaults.SLOT_NOT_READY({ slot, seen: 'nothing was ever deployed to it' })
      const scale = (to: number) => host.query(perform(scaleService(names.slot(slot), to)))
      await scale(replicas)
      if (dryRun) return
      try {
        await healthy(context, slot, { name: before.release, version: before.version }, replicas, before)
      } catch (error) {
        // That it cannot be taken back, as when the manager is gone, is not the error to report.
        await scale(before.replicas).then(
          () => note(`${slot} has ${before.replicas} tasks again`),
          () => undefined,
        )
        throw error
      }
      note(`${slot} has ${replicas} tasks, before ${before.replicas}`)
    },
  })
