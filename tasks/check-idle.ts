import { slotFaults } from '../slots/faults.ts'
import { assertHealthy } from '../slots/health.ts'
import { append } from '../slots/journal.ts'
import { readRecord } from '../slots/record.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'

export type CheckIdle<S extends string> = ReturnType<typeof checkIdle<S>>

export const checkIdle = <S extends string>({ task }: Parts<S>, detectLive: DetectLive<S>) =>
  task('Wait until the idle slot is healthy', {
    about: 'Healthy is: its health path answers 200 several times in a row, from one process, which is this release.',
    needs: [detectLive],
    async run({ host, layout, runtime, health, deploy, idle, dryRun, note }) {
      if (dryRun) return note(`${health.path} of ${idle.name}, not asked in a dry run`)
      const record = await readRecord(host, layout, idle)
      if (!record) throw slotFaults.SLOT_EMPTY({ slot: idle.name })
      const { pid, result } = await assertHealthy({ host, runtime, health }, idle, record.release, record.adopted?.pid)
      note(`${record.release.version}, process ${pid}, ${result.tries} tries`)
      if (record.deploy === deploy.id)
        await append(host, layout, deploy, {
          event: 'deploy',
          slot: idle.name,
          release: record.release.name,
          result: 'done',
        })
    },
  })
