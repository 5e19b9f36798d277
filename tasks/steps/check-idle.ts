import type { Task } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { assertHealthy, healthQuery } from '../../slots/health/health.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { checkEvent, type Early, writeReady } from '../../slots/lifecycle/start.ts'
import type { SlotRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from './detect-live.ts'

export type CheckIdle<S extends string> = ReturnType<typeof checkIdle<S>>

/** The slot's record, if the slot is healthy. */
interface Checked {
  readonly healthy: SlotRecord | undefined
}

/** The record of the idle slot, and the checks that were already started. */
interface Idle {
  readonly idleRecord: SlotRecord | undefined
  readonly early?: Early | undefined
}

/** `source`: the step that provides the record of the idle slot. In a deploy that is the step that started the slot. */
export const checkIdle = <S extends string>(
  { task }: TaskDeps<S>,
  detectLive: DetectLive<S>,
  source: Task<object, Idle>,
) =>
  task('Wait until the idle slot is healthy', {
    description:
      'A slot is healthy if its health path returns 200 several times in a row, from one process that runs this release, and its other\n' +
      'processes run.',
    needs: [detectLive, source],
    async run({ runtime, health, idle, idleRecord: record, early, dryRun, log, note, ...context }): Promise<Checked> {
      const { host, layout, deploy } = context
      if (dryRun) {
        note(`${health.path} of ${idle.name}, not requested in a dry run`)
        return { healthy: undefined }
      }
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: idle.name })
      const { release, adopted } = record
      const { pid, result } = await recorded(context, checkEvent(record, deploy), async () => {
        early?.tell(log)
        const checked =
          early?.health ?? host.query(healthQuery({ layout, runtime, health }, idle, release, adopted?.pid, log))
        const healthy = await assertHealthy({ host, layout, runtime, health }, idle, release, adopted?.pid, checked)
        if (early) await early.complete
        else if (runtime.complete && !adopted) await host.query(runtime.complete(idle))
        return healthy
      })
      note(
        runtime.serves === false
          ? `${release.version}, its processes start with the switch`
          : `${release.version}, process ${pid}, ${result.tries} tries`,
      )
      if (!(await early?.written)) await host.query(writeReady(context, record))
      return { healthy: { ...record, state: 'ready' } }
    },
  })
