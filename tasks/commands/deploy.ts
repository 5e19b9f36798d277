import { planMove } from '../../slots/promote/switch.ts'
import type { Parts } from '../context.ts'
import type { CheckIdle } from '../steps/check-idle.ts'
import type { DetectLive } from '../steps/detect-live.ts'
import type { Preflight } from '../steps/preflight.ts'
import type { StartIdle } from '../steps/start-idle.ts'
import { promoting, switchTraffic } from '../steps/switch-traffic.ts'
import { tidy } from '../steps/tidy.ts'

export const deploy = <S extends string>(
  parts: Parts<S>,
  preflight: Preflight<S>,
  detectLive: DetectLive<S>,
  startIdle: StartIdle<S>,
  checkIdle: CheckIdle<S>,
) => {
  const planned = parts.task('See what comes next', {
    needs: [detectLive, checkIdle],
    args: { promote: promoting },
    async run({ promote, dryRun, truth, live, idle, healthy, note, show, ...ground }) {
      const move = promote && !dryRun ? await planMove(ground, truth, idle, healthy) : undefined
      if (promote) note(`the traffic ${dryRun ? 'would move' : 'moves'} to ${idle.name}`)
      else note(`npx task promote ${idle.name}`)
      if (!promote && !dryRun)
        show(`${live ? `${live.name} is still live` : 'No slot is live yet'}. Next: npx task promote ${idle.name}`)
      return { move }
    },
  })
  const moving = { ...switchTraffic(parts, planned), when: ({ promote }: { promote?: boolean }) => promote === true }
  return parts.flow(
    'Deploy to the idle slot',
    [preflight, startIdle, checkIdle, tidy(parts, startIdle, checkIdle), planned, moving],
    {
      about:
        'Builds, looks whether the host is fit, uploads, stops the idle slot, starts the new release in it, and waits until it is healthy.',
      examples: ['deploy', 'deploy --promote'],
    },
  )
}
