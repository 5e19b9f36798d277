import { recorded } from '../../slots/journal/journal.ts'
import { prepareRelease as prepare } from '../../slots/upload/prepare.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from './detect-live.ts'
import type { Supply } from './find-release.ts'
import type { TakeLock } from './take-lock.ts'

export type PrepareRelease<S extends string> = ReturnType<typeof prepareRelease<S>>

/** Before the idle slot is stopped, so that a failure changes nothing. A project whose runtime prepares nothing has no such step. */
export const prepareRelease = <S extends string>(
  { task, prepares }: TaskDeps<S>,
  supply: Supply,
  takeLock: TakeLock<S>,
  detectLive: DetectLive<S>,
) =>
  task('Prepare the release', {
    description: 'A release is prepared once, before its first start.',
    needs: [supply, takeLock, detectLive],
    when: () => prepares,
    async run({ releaseSource, idle, environment, runtime, note, ...context }) {
      const { release, revision } = releaseSource
      const { prepare: preparation } = runtime
      if (!preparation) return
      const event = { event: 'deploy', slot: idle.name, release: release.name, revision } as const
      const said = await recorded(context, event, () => prepare(context, releaseSource, preparation, environment(idle)))
      note([release.name, said].filter(Boolean).join(', '))
    },
  })
