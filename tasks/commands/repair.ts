import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { lostRoute, putBack } from '../../slots/state/put-back.ts'
import { drift, repairRecords } from '../../slots/state/repair.ts'
import type { TaskDeps } from '../context.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const repair = <S extends string>({ task, slot }: TaskDeps<S>, takeLock: TakeLock<S>) =>
  task('Make router and records agree again', {
    description:
      'For when `status` says that the readings do not agree. Where somebody moved the traffic by hand, the records follow the router; where\n' +
      'the router has lost its route, the traffic goes to the slot that is named. Asks first; without a terminal it wants the name of the slot\n' +
      'that is live, or is to be. Processes are not touched.',
    examples: ['repair', 'repair --force green'],
    args: { force: slot.optional() },
    needs: [takeLock],
    async run({ force, confirm, dryRun, log, note, ...ground }) {
      const { host, layout, slots, deploy } = ground
      const lost = await lostRoute(ground, ground.readings)
      if (lost) {
        log(lost.message)
        const last = slots.all.find(({ name }) => name === lost.last)
        const question = `${lost.message}. Send the traffic to ${last?.name} again?`
        const agreed = !force && last && (dryRun || (await confirm(question)))
        const to = force ?? (agreed ? last : undefined)
        if (!to) throw slotFaults.REPAIR_NOT_CONFIRMED({ live: last?.name, named: undefined })
        const proof = await putBack({ ...ground, dryRun }, lost, to)
        return note(`${to.name} is live again: ${proof}`)
      }
      const read = await ground.readings()
      const found = drift(read, slots)
      if (!found) return note('nothing to repair: all readings agree')
      log(found.message)
      const live = found.route.slot
      if (dryRun) {
        await repairRecords(ground, found.route, read)
        return note(`${found.message}; the records would say ${live ?? 'no slot'}`)
      }
      const agreed = force ? force.name === live : await confirm(`${found.message}. Let the records follow the router?`)
      if (!agreed) throw slotFaults.REPAIR_NOT_CONFIRMED({ live, named: force?.name })
      await repairRecords(ground, found.route, read)
      await host.query(
        append(layout, deploy, { event: 'repair', slot: live ?? '', result: 'done', why: found.message }),
      )
      note(`the records say ${live ?? 'no slot'} now`)
    },
  })
