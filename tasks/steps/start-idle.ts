import { append, recorded } from '../../slots/journal/journal.ts'
import { startSlot } from '../../slots/lifecycle/start.ts'
import { reasonToKeepRunning } from '../../slots/promote/evaluate-switch.ts'
import { probeFaults } from '../../slots/promote/probe-faults.ts'
import { readRecord, writeRecord } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import type { Supply } from './find-release.ts'
import type { MakeWay } from './stop-idle.ts'

export type StartIdle<S extends string> = ReturnType<typeof startIdle<S>>

/** `title` and `prunes`: for a command that starts an older release, and so must not remove any. */
export const startIdle = <S extends string>(
  { task }: TaskDeps<S>,
  supply: Supply,
  makeWay: MakeWay<S>,
  { title = 'Start the new release in the idle slot', prunes = true } = {},
) =>
  task(title, {
    examples: ['start-idle', 'start-idle --release 0.1.1'],
    needs: [supply, makeWay],
    secrets: true,
    async run({ environment, releaseSource, idle, note, tell, ...context }) {
      const { release, revision } = releaseSource
      tell({ version: release.version, release: release.name, revision, slot: idle.name })
      const event = { event: 'deploy', slot: idle.name, release: release.name, revision } as const
      const {
        record: idleRecord,
        changed,
        early,
      } = await recorded(context, event, () =>
        startSlot(context, idle, { release, revision, prunes }, environment(idle)),
      )
      // The next host starts once this one is healthy, or is known not to be, which is reported by the step for that.
      if (context.fleet.limit !== undefined) await early?.health.catch(() => undefined)
      note([`${release.name} in ${idle.name}`, changed].filter(Boolean).join('; '))
      return { idleRecord, early }
    },
    async undo({ releaseSource: { release }, idle, note, ...context }) {
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
