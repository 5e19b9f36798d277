import type { AnyTask, TaskContext } from '../../runner/task.ts'
import type { Slot } from '../../slots/contracts.ts'
import { explainDown, rollbackFault } from '../../slots/journal/story.ts'
import { recordIn, slotRunning } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { announcing } from '../notification.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import { named, placedRelease, type Supplied, searchRelease, type Unless } from '../steps/find-release.ts'
import { withPromoteHooks } from '../steps/hook.ts'
import { planSwitch } from '../steps/plan-switch.ts'
import { startOnHost } from '../steps/start-on-host.ts'
import { force, switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'
import { takeShareBack } from '../steps/take-share-back.ts'

interface Found extends Supplied {
  /** The slot that runs the release; undefined if it has to be started. */
  readonly runsIn: Slot | undefined
}

export const rollback = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const found = deps.task('Find the release on the host', {
    needs: [takeLock, detectLive],
    args: { release: placedRelease, force },
    when: named,
    async run({ liveState, live, idle, runtime, force, note, ...context }): Promise<Found> {
      if (!live) throw await rollbackFault(context, idle.name, recordIn(liveState, idle), false)
      const [found, process] = await context.host.all([searchRelease(context), runtime.process(idle)])
      const { releaseSource, assertNotBad } = found
      const { release } = releaseSource
      const runsIn = slotRunning(liveState, process, release.name)
      // As without a release: the slot that was live before is good enough.
      if (!force && !(runsIn && recordIn(liveState, runsIn)?.promoted)) assertNotBad()
      note(runsIn ? `${release.name}, which runs in ${runsIn.name}` : release.name)
      return { release, releaseSource, runsIn }
    },
  })
  const { steps, checked } = startOnHost(deps, found, takeLock, detectLive, unlessItRuns)
  const planned = announcing(
    'rollback',
    deps.task('Check that the slot is fit for traffic', {
      needs: [takeLock, detectLive, found as Unless<typeof found>, checked as Unless<typeof checked>],
      async run({ release, runsIn, healthy, liveState, live, idle, dryRun, note, show, ...context }) {
        const record = recordIn(liveState, idle)
        if (live && liveState.canary && !release) {
          note(`${idle.name} is a canary`)
          context.tell({ moves: false })
          await takeShareBack({ ...context, dryRun, show }, liveState)
          return { trafficSwitch: undefined }
        }
        if (!live || (!release && !record?.promoted))
          throw await rollbackFault(context, idle.name, record, live !== undefined)
        if (runsIn?.name === live.name) {
          note('already live')
          context.tell({ moves: false })
          show(`${release?.name} is already live, in ${live.name}; nothing was touched.`)
          return { trafficSwitch: undefined }
        }
        note(`${(release ?? record?.release)?.name} in ${idle.name}`)
        if (release)
          show(`No migrations are run: the database stays as ${recordIn(liveState, live)?.release.name} uses it.`)
        // In a dry run the release was not started.
        if (release && !runsIn && dryRun) return { trafficSwitch: undefined }
        const trafficSwitch = await planSwitch(context, liveState, idle, healthy).catch(async (error: unknown) => {
          throw await explainDown(context, idle.name, record, error)
        })
        return { trafficSwitch }
      },
    }),
  )
  return deps.flow(
    'Send the traffic back to the slot that was live before',
    [takeLock, detectLive, found, ...steps, planned, ...withPromoteHooks(deps, switchTraffic(deps, planned))],
    {
      description:
        'A promote in the other direction, to a release that is still running. Nothing is stopped or started.\n' +
        'While a canary runs: takes its share of the traffic back, and nothing else.\n' +
        'With a release: promotes it if the idle slot runs it, otherwise first starts it there, as `deploy --release` does.\n' +
        'Migrations are not run, in either direction.',
      examples: ['rollback', 'rollback 0.1.1', 'rollback --dry-run'],
    },
  )
}

/** For the steps that start the release of a rollback, if no slot runs it. */
const unlessItRuns = <T extends AnyTask>(step: T): T => ({
  ...step,
  when: values => named(values) && step.when?.(values) !== false,
  run(context: TaskContext & Found) {
    if (!context.runsIn) return step.run?.(context)
    context.note('not needed')
  },
  ...(step.undo && { undo: (context: Found) => (context.runsIn ? undefined : step.undo?.(context)) }),
})
