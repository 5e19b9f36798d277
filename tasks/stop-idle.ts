import { append } from '../slots/journal/journal.ts'
import { cutWords, stopSlot, wouldStop } from '../slots/start/stop.ts'
import type { Parts } from './context.ts'
import type { DetectLive } from './detect-live.ts'
import type { TakeLock } from './take-lock.ts'

/** Milliseconds that a slot may take to lose its connections, unless --drain says otherwise. */
export const DRAIN = 30_000

export type StopIdle<S extends string> = ReturnType<typeof stopIdle<S>>

export const stopIdle = <S extends string>(
  { task, drain }: Parts<S>,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) =>
  task('Stop the idle slot', {
    about: 'Waits first until nobody is connected to it any more, at most as long as --drain says.',
    needs: [takeLock, detectLive],
    args: { drain },
    async run({ truth, idle, drain = DRAIN, dryRun, log, note, ...ground }) {
      const { host, layout, deploy } = ground
      const record = truth.records.find(found => found?.slot === idle.name)
      const cut = cutWords(record, deploy.id)
      const stopping = { ...ground, log }
      const words = dryRun
        ? await wouldStop(stopping, idle, record)
        : (await stopSlot(stopping, idle, record, drain)).words
      note(cut ? `${cut}; ${words}` : words)
      if (cut) {
        const event = { event: 'deploy', slot: idle.name, release: record?.release.name } as const
        await append(host, layout, deploy, { ...event, result: 'failed', why: 'CUT' })
      }
    },
  })
