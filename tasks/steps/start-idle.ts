import { append, recorded } from '../../slots/journal/journal.ts'
import { startSlot } from '../../slots/lifecycle/start.ts'
import { reasonToKeepRunning } from '../../slots/promote/evaluate-switch.ts'
import { probeFaults } from '../../slots/promote/probe-faults.ts'
import { readRecord, writeRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { MakeWay } from './stop-idle.ts'
import type { Upload } from './upload.ts'

export type StartIdle<S extends string> = ReturnType<typeof startIdle<S>>

export const startIdle = <S extends string>({ task }: TaskDeps<S>, upload: Upload<S>, makeWay: MakeWay<S>) =>
  task('Start the new release in the idle slot', {
    needs: [upload, makeWay],
    async run({ environment, release, artifact: { revision }, idle, note, ...context }) {
      const event = { event: 'deploy', slot: idle.name, release: release.name, revision } as const
      const {
        record: idleRecord,
        changed,
        early,
      } = await recorded(context, event, () => startSlot(context, idle, { release, revision }, environment(idle)))
      note([`${release.name} in ${idle.name}`, changed].filter(Boolean).join('; '))
      return { idleRecord, early }
    },
    async undo({ release, idle, note, ...context }) {
      const { host, layout, deploy, runtime } = context
      const why = await reasonToKeepRunning(context, idle)
      if (why !== undefined) throw probeFaults.SLOT_RUNS_ON({ slot: idle.name, why })
      await host.query(runtime.stop(idle))
      const record = await host.query(readRecord(layout, idle))
      const undone = { event: 'deploy', slot: idle.name, release: release.name, result: 'undone' } as const
      const batch = host.pipeline()
      if (record?.deploy === deploy.id) batch.push(writeRecord(layout, { ...record, state: 'stopped' }))
      batch.push(append(layout, deploy, undone))
      await batch.run()
      note(`${idle.name} is down`)
    },
  })
