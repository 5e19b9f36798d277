import type { Pipeline } from '../../host/host.ts'
import type { Query } from '../../host/query.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { withRelease } from '../../slots/upload/again.ts'
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
    description:
      'A release is prepared once, before its first start. An image that the engine of the host lacks is loaded, or pulled from its registry.',
    needs: [supply, takeLock, detectLive],
    when: () => prepares,
    async run({ releaseSource, idle, environment, runtime, dryRun, note, ...context }) {
      const { release, revision } = releaseSource
      const { prepare: preparation, obtain } = runtime
      if (!preparation && !obtain) return
      const event = { event: 'deploy', slot: idle.name, release: release.name, revision } as const
      const query = obtain?.(release, idle)
      const said = await recorded(context, event, async () => [
        preparation && (await prepare(context, releaseSource, preparation, environment(idle))),
        query &&
          (await (dryRun
            ? context.host.query(query)
            : withRelease(context, releaseSource, batch => one(batch, query)))),
      ])
      note([release.name, ...(dryRun ? ['not run in a dry run'] : said)].filter(Boolean).join(', '))
    },
  })

/** The result of the last query of a pipeline. */
async function one<T>(batch: Pipeline, query: Query<T>): Promise<T> {
  const result = batch.add(query)
  await batch.run()
  return result
}
