import type { Pipeline } from '../../host/host.ts'
import { assertNoCanary } from '../../slots/canary/canary.ts'
import { append } from '../../slots/journal/journal.ts'
import { describeInterrupted, stopSlot, wouldStop } from '../../slots/lifecycle/stop.ts'
import { type LiveState, recordIn } from '../../slots/state/readings.ts'
import { withRelease } from '../../slots/upload/again.ts'
import type { ReleaseSource } from '../../slots/upload/source.ts'
import type { Context, TaskDeps } from '../context.ts'
import type { DetectLive } from './detect-live.ts'
import type { Supply } from './find-release.ts'
import type { PrepareRelease } from './prepare-release.ts'
import type { TakeLock } from './take-lock.ts'

/** Default of --drain, in milliseconds. */
export const DRAIN = 30_000

export type MakeWay<S extends string> = ReturnType<typeof makeWay<S>>

const TITLE = 'Stop the idle slot'
const description = 'First waits until the slot has no connections left, at most for --drain.'

export const stopIdle = <S extends string>(
  { task, drain }: TaskDeps<S>,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) => task(TITLE, { description, needs: [takeLock, detectLive], args: { drain }, run: context => stop(context) })

/** For a release that follows: stops the slot only if that release is on the host, and prepared. */
export const makeWay = <S extends string>(
  { task, drain }: TaskDeps<S>,
  supply: Supply,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
  prepared: PrepareRelease<S>,
) =>
  task(TITLE, {
    description,
    needs: [supply, takeLock, detectLive, prepared],
    args: { drain },
    run: ({ releaseSource, ...context }) => stop(context, releaseSource),
  })

interface StopContext<S extends string> extends Context<S> {
  readonly liveState: LiveState<S>
  readonly idle: LiveState<S>['idle']
  readonly drain?: number | undefined
  readonly dryRun: boolean
  log(line: string): void
  note(line: string): void
}

async function stop<S extends string>(context: StopContext<S>, releaseSource?: ReleaseSource): Promise<void> {
  const { liveState, idle, drain = DRAIN, dryRun, log, note, ...deps } = context
  assertNoCanary(liveState, idle)
  const { host, layout, deploy } = deps
  const record = recordIn(liveState, idle)
  const cut = describeInterrupted(record, deploy.id)
  const stopping = { ...deps, log }
  const stopped = async (batch?: Pipeline) => (await stopSlot(stopping, idle, record, drain, batch)).summary
  const words = dryRun
    ? await wouldStop(stopping, idle, record)
    : releaseSource
      ? await withRelease({ host, layout, log }, releaseSource, stopped)
      : await stopped()
  note(cut ? `${cut}; ${words}` : words)
  if (cut) {
    const event = { event: 'deploy', slot: idle.name, release: record?.release.name } as const
    await host.query(append(layout, deploy, { ...event, result: 'failed', why: 'CUT' }))
  }
}
