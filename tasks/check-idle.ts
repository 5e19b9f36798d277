import { slotFaults } from '../slots/faults.ts'
import { append, recorded } from '../slots/journal/journal.ts'
import { assertHealthy } from '../slots/start/health.ts'
import { readRecord, writeRecord } from '../slots/truth/record.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'

export type CheckIdle<S extends string> = ReturnType<typeof checkIdle<S>>

export const checkIdle = <S extends string>({ task }: Parts<S>, detectLive: DetectLive<S>) =>
  task('Wait until the idle slot is healthy', {
    about: 'Healthy is: its health path answers 200 several times in a row, from one process, which is this release.',
    needs: [detectLive],
    async run({ runtime, health, idle, dryRun, note, ...ground }) {
      const { host, layout, deploy } = ground
      if (dryRun) return note(`${health.path} of ${idle.name}, not asked in a dry run`)
      const record = await readRecord(host, layout, idle)
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
      if (record.state !== 'ready') await writeRecord(host, layout, { ...record, state: 'ready' })
      await append(host, layout, deploy, { ...event, result: 'done' })
    },
  })
