import { assertNoCanary } from '../../slots/canary/canary.ts'
import { append } from '../../slots/journal/journal.ts'
import { stopSlot, wouldStop } from '../../slots/lifecycle/stop.ts'
import { recordIn } from '../../slots/state/readings.ts'
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
      'Waits until the slot has no connections left, at most for --drain (default 30s), then stops the application, which may still close\n' +
      'its WebSockets. Reports how many connections were cut. Afterwards there is no slot to roll back to without a new deploy.',
    examples: ['retire', 'retire --drain 5m'],
    args: { drain },
    needs: [takeLock, detectLive],
    async run({ liveState, idle, drain, dryRun, log, note, ...context }) {
      assertNoCanary(liveState, idle)
      const record = recordIn(liveState, idle)
      if (dryRun) return note(await wouldStop({ ...context, log }, idle, record))
      const { was, cut, summary } = await stopSlot({ ...context, log }, idle, record, drain ?? DRAIN)
      note(summary)
      if (was === 'stopped') return
      const { host, layout, deploy } = context
      const why = cut > 0 ? summary : undefined
      await host.query(append(layout, deploy, { event: 'retire', slot: idle.name, result: 'done', why }))
    },
  })
