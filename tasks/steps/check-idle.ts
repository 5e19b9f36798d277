import type { Task } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { assertHealthy } from '../../slots/health/health.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { checkEvent, type Early, writeReady } from '../../slots/lifecycle/start.ts'
import type { SlotRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from './detect-live.ts'

export type CheckIdle<S extends string> = ReturnType<typeof checkIdle<S>>

/** The slot's record, when it was seen healthy. */
interface Checked {
  readonly healthy: SlotRecord | undefined
}

/** What is in the idle slot, and what was asked of it already. */
interface Idle {
  readonly idleRecord: SlotRecord | undefined
  readonly early?: Early | undefined
}

/** `source`: the step that says what is in the idle slot. A deploy has changed it by then. */
export const checkIdle = <S extends string>(
  { task }: TaskDeps<S>,
  detectLive: DetectLive<S>,
  source: Task<object, Idle>,
) =>
  task('Wait until the idle slot is healthy', {
    description:
      'Healthy is: its health path answers 200 several times in a row, from one process, which is this release.',
    needs: [detectLive, source],
    async run({ runtime, health, idle, idleRecord: record, early, dryRun, note, ...ground }): Promise<Checked> {
      const { host, deploy } = ground
      if (dryRun) {
        note(`${health.path} of ${idle.name}, not asked in a dry run`)
        return { healthy: undefined }
      }
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: idle.name })
      const { release, adopted } = record
      const { pid, result } = await recorded(ground, checkEvent(record, deploy), () =>
        assertHealthy({ host, runtime, health }, idle, release, adopted?.pid, early?.health),
      )
      note(`${release.version}, process ${pid}, ${result.tries} tries`)
      if (!(await early?.written)) await host.query(writeReady(ground, record))
      return { healthy: { ...record, state: 'ready' } }
    },
  })
