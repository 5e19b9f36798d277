import type { TaskDeps } from '../context.ts'
import { announcing } from '../notification.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import type { Supplied } from '../steps/find-release.ts'
import { withPromoteHooks } from '../steps/hook.ts'
import { liveRelease } from '../steps/live-release.ts'
import { planSwitch } from '../steps/plan-switch.ts'
import { startOnHost } from '../steps/start-on-host.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

interface Found extends Supplied {
  /** The release that the restart replaces in the idle slot, unless it is the same one. */
  readonly replaced: string | undefined
}

export const restart = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) => {
  const found = deps.task('Find the release that is live', {
    needs: [takeLock, detectLive],
    async run({ host, liveState, idle, idleRecord, log, note }): Promise<Found> {
      const { live, release, releaseSource } = liveRelease(host.name, liveState)
      const replaced = idleRecord?.release.name === release.name ? undefined : idleRecord?.release.name
      note(`${release.name} in ${live.name}`)
      if (replaced) log(`${idle.name} has ${replaced}, which is replaced there.`)
      return { release, releaseSource, replaced }
    },
  })
  const { steps, checked } = startOnHost(deps, found, takeLock, detectLive)
  const planned = announcing(
    'restart',
    deps.task('Plan the switch', {
      needs: [detectLive, found, checked],
      async run({ releaseSource, replaced, healthy, liveState, live, idle, dryRun, note, show, ...context }) {
        note(`the traffic ${dryRun ? 'would move' : 'moves'} to ${idle.name}`)
        const { name } = releaseSource.release
        const data = { release: name, from: live?.name, to: idle.name, replaced: replaced ?? null }
        const back = `From ${idle.name}, \`npx task rollback\` returns to ${live?.name}: ${name} with the environment before this restart.`
        const older = `\`npx task rollback ${replaced}\` starts ${replaced}, which ${idle.name} had before.`
        show(replaced ? `${back} ${older}` : back, data)
        return { trafficSwitch: dryRun ? undefined : await planSwitch(context, liveState, idle, healthy) }
      },
    }),
  )
  return deps.flow(
    'Restart the live release in the idle slot, and move the traffic there',
    [takeLock, detectLive, found, ...steps, planned, ...withPromoteHooks(deps, switchTraffic(deps, planned))],
    {
      description:
        'Without downtime, for a changed environment: the idle slot gets the release that is live, with the present environment of the Taskfile.\n' +
        'When it is healthy, the traffic moves there. The release that the idle slot had is replaced: `rollback` then returns to the slot that is\n' +
        'live now, with its old environment. Nothing is built, uploaded or migrated.',
      examples: ['restart', 'restart --dry-run'],
    },
  )
}
