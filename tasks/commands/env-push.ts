import type { AnyTask, TaskContext } from '../../runner/task.ts'
import { compareEnvironment, differs, lackingText } from '../../slots/environment/compare.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import type { Supplied } from '../steps/find-release.ts'
import { liveRelease } from '../steps/live-release.ts'
import { startOnHost } from '../steps/start-on-host.ts'
import type { TakeLock } from '../steps/take-lock.ts'

interface Found extends Supplied {
  /** Whether the live slot of a host lacks what the Taskfile has. */
  readonly changed: boolean
}

export const envPush = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const found = deps.task('Compare the environment with that of the live slot', {
    needs: [takeLock, detectLive],
    secrets: true,
    async run({ host, layout, variables, fleet, liveState, note }): Promise<Found> {
      const { live, release, releaseSource } = liveRelease(host.name, liveState)
      const compared = await host.query(compareEnvironment(layout, live, variables(live)))
      // The idle slots of all hosts get the release, or none does: a promote needs the same one everywhere.
      const all = await fleet.gather(compared.file !== 'compared' || differs(compared))
      const changed = all.some(({ value }) => value)
      note(changed ? lackingText(compared) : `${live.name} has it already`)
      return { release, releaseSource, changed }
    },
  })
  const { steps, checked } = startOnHost(deps, found, takeLock, detectLive, ifChanged)
  const told = deps.task('Plan the next step', {
    needs: [detectLive, found, checked],
    run({ release, changed, live, idle, dryRun, note, show, router: { preview } }) {
      const data = { release: release.name, live: live?.name ?? null, slot: idle.name, changed }
      if (!changed) return show(`${live?.name} has the environment of the Taskfile already; nothing was touched.`, data)
      note(`npx task promote ${idle.name}`)
      if (dryRun)
        return show(`${release.name} would start in ${idle.name} with these variables; ${live?.name} stays live.`, data)
      if (preview) show(`Preview of ${idle.name}: ${preview}`)
      show(`${live?.name} is still live, with its old environment. Next: npx task promote ${idle.name}`, data)
    },
  })
  return deps.flow('Give the environment to the idle slot', [takeLock, detectLive, found, ...steps, told], {
    description:
      'Starts the live release in the idle slot with the present environment of the Taskfile, and waits until it is healthy. Before that it lists by\n' +
      'name what the live slot lacks; if that is nothing, it does nothing. `promote` then moves the traffic; `restart` is both in one. No slot gets\n' +
      'variables without a start: the live one, and what it does after a crash, stay as they are.',
    examples: ['env-push', 'env-push --dry-run'],
  })
}

/** For the steps that start the release. */
const ifChanged = <T extends AnyTask>(step: T): T => ({
  ...step,
  run(context: TaskContext & Found) {
    if (context.changed) return step.run?.(context)
    context.note('not needed')
  },
  ...(step.undo && { undo: (context: Found) => (context.changed ? step.undo?.(context) : undefined) }),
})
