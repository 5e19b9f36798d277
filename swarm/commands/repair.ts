import { routerNodes } from '../cluster.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { differing, idleOf } from '../live.ts'
import { readSwarm } from '../reading.ts'
import { nextRoute, routeText } from '../records.ts'
import type { TakeLock } from '../steps/take-lock.ts'
import { revertSwitch } from '../switch.ts'

export const repair = <S extends string>({ task, slot }: SwarmDeps<S>, locked: TakeLock) =>
  task('Make routers and records agree again', {
    description:
      'Use it when `status` reports that they do not: moves every router to the slot of the records, or to the slot of --force, and verifies each.\n' +
      'No task is stopped or started.',
    examples: ['repair', 'repair --force green'],
    args: { force: slot.optional() },
    needs: [locked],
    changes: true,
    async run({ force, dryRun, note, ...context }) {
      const { slots, deploy } = context
      const { cluster, records, states } = await readSwarm(context)
      const others = differing(states, records.live)
      const slotOf = force ?? records.live?.slot
      if (others.length === 0 && !records.moving && slotOf === records.live?.slot)
        return note('nothing to repair: all routers agree with the records')
      const what = others.map(([node, route]) => `${node} ${route}`).join(', ')
      if (dryRun) return note(`would move all routers to ${slotOf ?? 'no slot'}${what ? ` (${what})` : ''}`)
      const service = slotOf === undefined ? undefined : cluster.slots.get(slotOf)
      if (slotOf !== undefined && !service)
        throw swarmFaults.SLOT_NOT_READY({ slot: slotOf, seen: 'nothing was ever deployed to it' })
      const target = slotOf === undefined ? undefined : { slot: slotOf, generation: records.live?.generation ?? '0' }
      // A way back from wherever the routers are.
      await revertSwitch(context, {
        from: target,
        to: records.moving?.to ?? nextRoute(records, idleOf(slots, slotOf), deploy.id),
        release: service?.release,
        nodes: routerNodes(cluster),
        records,
        event: 'repair',
      })
      note(`all routers have ${routeText(target).replace(/\..*/, '')}${what ? `; before: ${what}` : ''}`)
    },
  })
