import type { SwarmDeps } from '../context.ts'
import type { Build } from '../steps/build.ts'
import type { SendImage } from '../steps/send-image.ts'
import type { StartSlot } from '../steps/start-slot.ts'
import type { DetectLive, TakeLock } from '../steps/take-lock.ts'

interface Steps {
  readonly build: Build
  readonly takeLock: TakeLock
  readonly detectLive: DetectLive
  readonly sendImage: SendImage
  readonly startSlot: StartSlot
}

export const deploy = (deps: SwarmDeps, { build, takeLock, detectLive, sendImage, startSlot }: Steps) => {
  const next = deps.task('Plan the next step', {
    needs: [detectLive, startSlot],
    run({ idle, liveState, dryRun, note, show }) {
      note(`npx task promote ${idle}`)
      if (!dryRun)
        show(
          `${liveState.live ? `${liveState.live} is still live` : 'No slot is live yet'}. Next: npx task promote ${idle}`,
        )
    },
  })
  return deps.flow('Deploy to the idle slot', [build, takeLock, detectLive, sendImage, startSlot, next], {
    description:
      'Builds the image, sends it to the registry or to the nodes, replaces the tasks of the idle slot, and waits until all of them are healthy\n' +
      'and every router reaches them. The live slot is not touched.',
    examples: ['deploy', 'deploy --dry-run'],
  })
}
