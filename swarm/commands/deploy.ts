import { migrating, promoting } from '../../slots/promote/arguments.ts'
import { wouldText } from '../../slots/setup/sentences.ts'
import type { SwarmDeps } from '../context.ts'
import type { Build } from '../steps/build.ts'
import { switchTo } from '../steps/plan-switch.ts'
import { migrateIdle } from '../steps/run-migrations.ts'
import type { SendImage } from '../steps/send-image.ts'
import type { StartSlot } from '../steps/start-slot.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { DetectLive, TakeLock } from '../steps/take-lock.ts'
import { deploySentences } from '../would.ts'

interface Steps {
  readonly build: Build
  readonly takeLock: TakeLock
  readonly detectLive: DetectLive
  readonly sendImage: SendImage
  readonly startSlot: StartSlot
}

export const deploy = (deps: SwarmDeps, { build, takeLock, detectLive, sendImage, startSlot }: Steps) => {
  const planned = deps.task('Plan the next step', {
    needs: [detectLive, sendImage, startSlot],
    args: { promote: promoting, migrate: migrating },
    async run({ promote, migrate, idle, replicas, release, liveState: { live, cluster }, dryRun, note, ...context }) {
      note(promote ? `the traffic ${dryRun ? 'would move' : 'moves'} to ${idle}` : `npx task promote ${idle}`)
      if (dryRun) {
        const { definition, health, probe, variables } = context
        const would = deploySentences({
          ...{ definition, version: release.version, cluster, idle, live, replicas, health, migrate, promote },
          variables: Object.keys(variables(idle)).length,
          probes: probe !== undefined,
        })
        context.show(wouldText('deploy', would), { would })
        return { move: undefined }
      }
      if (promote) return { move: await switchTo(context, idle) }
      context.show(`${live ? `${live} is still live` : 'No slot is live yet'}. Next: npx task promote ${idle}`)
      return { move: undefined }
    },
  })
  const switching = { ...switchTraffic(deps, planned), when: ({ promote }: { promote?: boolean }) => promote === true }
  const flow = deps.flow(
    'Deploy to the idle slot',
    [build, takeLock, detectLive, sendImage, startSlot, migrateIdle(deps, startSlot), planned, switching],
    {
      description:
        'Builds the image, sends it to the registry or to the nodes, replaces the tasks of the idle slot, and waits until all of them are healthy\n' +
        'and every router reaches them. The live slot is not touched. --migrate then runs the migrations of the new release, and --promote sends it\n' +
        'the traffic.',
      examples: ['deploy', 'deploy --migrate --promote', 'deploy --dry-run'],
    },
  )
  return { ...flow, tells: true }
}
