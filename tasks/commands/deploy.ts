import { sinceLive } from '../../slots/git/pending.ts'
import { deploySentences } from '../../slots/lifecycle/would-deploy.ts'
import { migrating, promoting } from '../../slots/promote/arguments.ts'
import { wouldText } from '../../slots/setup/sentences.ts'
import { recordIn } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import { announcing } from '../notification.ts'
import type { Build } from '../steps/build.ts'
import type { CheckIdle } from '../steps/check-idle.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import type { Supply, Unless } from '../steps/find-release.ts'
import { hook, withPromoteHooks } from '../steps/hook.ts'
import { migrateIdle } from '../steps/migrate-idle.ts'
import { planSwitch } from '../steps/plan-switch.ts'
import type { Preflight } from '../steps/preflight.ts'
import type { PrepareRelease } from '../steps/prepare-release.ts'
import type { StartIdle } from '../steps/start-idle.ts'
import type { MakeWay } from '../steps/stop-idle.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'
import { tidy } from '../steps/tidy.ts'
import type { Upload } from '../steps/upload.ts'

interface Steps<S extends string> {
  readonly build: Unless<Build<S>>
  readonly findRelease: Supply
  readonly preflight: Preflight<S>
  readonly upload: Unless<Upload<S>>
  readonly takeLock: TakeLock<S>
  readonly detectLive: DetectLive<S>
  readonly prepareRelease: PrepareRelease<S>
  readonly makeWay: MakeWay<S>
  readonly startIdle: StartIdle<S>
  readonly checkIdle: CheckIdle<S>
}

export const deploy = <S extends string>(deps: TaskDeps<S>, steps: Steps<S>) => {
  const planned = announcing(
    'deploy',
    deps.task('Plan the next step', {
      needs: [steps.build, steps.detectLive, steps.checkIdle],
      args: { promote: promoting, migrate: migrating },
      async run({ promote, migrate, dryRun, liveState, live, idle, healthy, artifact, note, show, ...context }) {
        const record = recordIn(liveState, live)
        const since = await sinceLive(context.folder, artifact?.revision, record)
        const trafficSwitch = promote && !dryRun ? await planSwitch(context, liveState, idle, healthy) : undefined
        const next = promote
          ? `the traffic ${dryRun ? 'would move' : 'moves'} to ${idle.name}`
          : `npx task promote ${idle.name}`
        note([next, since].filter(Boolean).join('; '))
        if (dryRun) {
          const would = deploySentences({
            what: artifact?.version ?? context.idleRecord?.release.name ?? '',
            built: artifact !== undefined,
            ...{ idle, live, migrate, promote, health: context.health },
            record: recordIn(liveState, idle),
            variables: Object.keys(context.variables(idle)).length,
            serves: context.runtime.serves !== false,
            prepares: context.runtime.prepare !== undefined,
            probes: context.probe !== undefined,
          })
          show(wouldText('deploy', would), { would }, { ofAll: true })
        }
        const { preview } = context.router
        if (!promote && !dryRun && preview) show(`Preview of ${idle.name}: ${preview}`)
        if (!promote && !dryRun)
          show(`${live ? `${live.name} is still live` : 'No slot is live yet'}. Next: npx task promote ${idle.name}`)
        return { trafficSwitch }
      },
    }),
  )
  const switching = { ...switchTraffic(deps, planned), when: ({ promote }: { promote?: boolean }) => promote === true }
  const flow = deps.flow(
    'Deploy to the idle slot',
    [
      hook(deps, 'pre-build'),
      steps.build,
      steps.findRelease,
      hook(deps, 'pre-deploy'),
      steps.preflight,
      steps.upload,
      steps.takeLock,
      steps.detectLive,
      steps.prepareRelease,
      steps.makeWay,
      steps.startIdle,
      steps.checkIdle,
      tidy(deps, steps.startIdle, steps.checkIdle),
      migrateIdle(deps, steps.detectLive, steps.checkIdle),
      planned,
      ...withPromoteHooks(deps, switching),
      hook(deps, 'post-deploy'),
    ],
    {
      description:
        'Builds, checks the host, uploads, stops the idle slot, starts the new release in it, and waits until it is healthy.\n' +
        'With --release it neither builds nor uploads: it starts a release that `releases` lists. --migrate runs the migrations of the new\n' +
        'release when it is healthy; --promote then sends it the traffic.',
      examples: ['deploy', 'deploy --migrate --promote', 'deploy --release 0.1.1'],
    },
  )
  return { ...flow, tells: true }
}
