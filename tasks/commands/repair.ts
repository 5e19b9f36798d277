import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { lostRoute, putBack } from '../../slots/state/put-back.ts'
import { drift, repairProcesses, repairRecords } from '../../slots/state/repair.ts'
import type { TaskDeps } from '../context.ts'
import { bringTogether } from '../steps/bring-together.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

/** With several hosts it also ends a state in which they do not serve the same. */
export function repair<S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>) {
  const eachHost = repairHost(deps, takeLock)
  if (!deps.several) return eachHost
  const planned = bringTogether(deps, eachHost)
  return deps.flow('Make all hosts agree again', [eachHost, planned, switchTraffic(deps, planned)], {
    description:
      'On each host as with one, where the records are updated to match the router. If the hosts then serve different slots or releases, all of\n' +
      'them are sent to one slot: the named one, or the one that was promoted last, after a question. If a rolling switch that was cut off has left a\n' +
      'share of the traffic at a balancer, it is completed or taken back: all traffic goes to the named slot, or to the live one, after a question.\n' +
      'Nothing is stopped or started.',
    examples: ['repair', 'repair --force green'],
  })
}

const repairHost = <S extends string>({ task, slot, several }: TaskDeps<S>, takeLock: TakeLock<S>) =>
  task('Make router and records agree again', {
    description:
      'Use it when `status` reports that the readings do not agree. If somebody switched the traffic by hand, the records are updated to match\n' +
      'the router. If the router has lost its route, the traffic is sent to the named slot. Asks for confirmation; without a terminal, pass the\n' +
      'name of the slot that is live or should be. No application is stopped or started, except for processes that run only in the live slot.',
    examples: ['repair', 'repair --force green'],
    args: { force: slot.optional() },
    needs: [takeLock],
    async run({ force, confirm, dryRun, log, note, ...context }) {
      const { host, layout, slots, deploy } = context
      const lost = await lostRoute(context, context.readings)
      if (lost) {
        log(lost.message)
        const last = slots.all.find(({ name }) => name === lost.last)
        const question = `${lost.message}. Send the traffic to ${last?.name} again?`
        const agreed = !force && last && (dryRun || (await confirm(question)))
        const to = force ?? (agreed ? last : undefined)
        if (!to) throw slotFaults.REPAIR_NOT_CONFIRMED({ live: last?.name, named: undefined })
        const proof = await putBack({ ...context, dryRun, log }, lost, to)
        return note(`${to.name} is live again: ${proof}`)
      }
      const read = await context.readings()
      const found = drift(read, slots)
      if (!found) {
        await repairProcesses({ ...context, log }, read.router.slot)
        return note('nothing to repair: all readings agree')
      }
      log(found.message)
      const live = found.route.slot
      if (dryRun) {
        await repairRecords({ ...context, log }, found.route, read)
        return note(`${found.message}; the records would say ${live ?? 'no slot'}`)
      }
      const agreed = force
        ? // What all hosts get is the next step.
          several || force.name === live
        : await confirm(`${found.message}. Update the records to match the router?`)
      if (!agreed) throw slotFaults.REPAIR_NOT_CONFIRMED({ live, named: force?.name })
      await repairRecords({ ...context, log }, found.route, read)
      await host.query(
        append(layout, deploy, { event: 'repair', slot: live ?? '', result: 'done', why: found.message }),
      )
      note(`the records now say ${live ?? 'no slot'}`)
    },
  })
