import { slotFaults } from '../../slots/faults.ts'
import { readRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { runMigrations } from '../steps/run-migrations.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const migrate = <S extends string>(
  { task, slot }: TaskDeps<S>,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) =>
  task("Run the migrations of a slot's release", {
    description:
      'Without --slot, the migrations of the idle slot run: of the release to be promoted next. They continue if the connection is lost\n' +
      'and after Ctrl-C. The next run follows them, prints their result, and does not run them twice. Only one runs at a time.',
    examples: ['migrate --slot green', 'migrate'],
    once: true,
    args: { slot: slot.optional() },
    needs: [takeLock, detectLive],
    async run({ slot, idle, ...context }) {
      const { host, layout, log } = context
      const chosen = slot ?? idle
      if (!slot) log(`No --slot was given. Using the idle slot, ${idle.name}.`)
      const record = await host.query(readRecord(layout, chosen))
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: chosen.name })
      const where = `${record.release.name} in ${chosen.name}${slot ? '' : ', the idle slot'}`
      await runMigrations(context, chosen, record, where)
    },
  })
