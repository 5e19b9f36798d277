import { inThisOrder } from '../host/turn.ts'
import type { Task } from '../runner/task.ts'
import { slotFaults } from '../slots/faults.ts'
import { append, recorded } from '../slots/journal/journal.ts'
import { assertHealthy } from '../slots/start/health.ts'
import { type SlotRecord, writeRecord } from '../slots/truth/record.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'

export type CheckIdle<S extends string> = ReturnType<typeof checkIdle<S>>

/** The slot's record, when it was seen healthy. */
interface Checked {
  readonly healthy: SlotRecord | undefined
}

/** `source`: the step that says what is in the idle slot. A deploy has changed it by then. */
export const checkIdle = <S extends string>(
  { task }: Parts<S>,
  detectLive: DetectLive<S>,
  source: Task<object, { idleRecord: SlotRecord | undefined }>,
) =>
  task('Wait until the idle slot is healthy', {
    about: 'Healthy is: its health path answers 200 several times in a row, from one process, which is this release.',
    needs: [detectLive, source],
    async run({ runtime, health, idle, idleRecord: record, dryRun, note, ...ground }): Promise<Checked> {
      const { host, layout, deploy } = ground
      if (dryRun) {
        note(`${health.path} of ${idle.name}, not asked in a dry run`)
        return { healthy: undefined }
      }
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: idle.name })
      const { release, revision } = record
      const event = {
        event: record.deploy === deploy.id ? 'deploy' : 'check',
        slot: idle.name,
        release: release.name,
        revision: revision ?? undefined,
      } as const
      const { pid, result } = await recorded(ground, event, () =>
        assertHealthy({ host, runtime, health }, idle, release, record.adopted?.pid),
      )
      note(`${release.version}, process ${pid}, ${result.tries} tries`)
      const healthy = { ...record, state: 'ready' } as const
      await inThisOrder([
        ...(record.state === 'ready' ? [] : [writeRecord(host, layout, healthy)]),
        append(host, layout, deploy, { ...event, result: 'done' }),
      ])
      return { healthy }
    },
  })
