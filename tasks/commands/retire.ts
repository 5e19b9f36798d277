import { append } from '../../slots/journal/journal.ts'
import { stopSlot, wouldStop } from '../../slots/lifecycle/stop.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { DRAIN } from '../steps/stop-idle.ts'
import type { TakeLock } from '../steps/take-lock.ts'

export const retire = <S extends string>(
  { task, drain }: TaskDeps<S>,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) =>
  task('Stop the slot that is not live, after its drain', {
    description:
      'Waits until nobody is connected to it any more, at most as long as --drain says (30s); then the application is\n' +
      'told to end, and closes its WebSockets in its own way. What was cut is said. After that a rollback has to deploy.',
    examples: ['retire', 'retire --drain 5m'],
    args: { drain },
    needs: [takeLock, detectLive],
    async run({ truth, idle, drain, dryRun, log, note, ...ground }) {
      const record = truth.records.find(found => found?.slot === idle.name)
      if (dryRun) return note(await wouldStop({ ...ground, log }, idle, record))
      const { was, cut, summary } = await stopSlot({ ...ground, log }, idle, record, drain ?? DRAIN)
      note(summary)
      if (was === 'stopped') return
      const { host, layout, deploy } = ground
      const why = cut > 0 ? summary : undefined
      await host.query(append(layout, deploy, { event: 'retire', slot: idle.name, result: 'done', why }))
    },
  })
