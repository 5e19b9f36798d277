import { recorded } from '../../slots/journal/journal.ts'
import type { TaskDeps } from '../context.ts'
import type { Build } from './build.ts'

export type Upload<S extends string> = ReturnType<typeof upload<S>>

export const upload = <S extends string>({ task }: TaskDeps<S>, build: Build<S>) =>
  task('Upload the release', {
    description: 'A release that is already on the host, with the same version and content, is not uploaded again.',
    needs: [build],
    changes: true,
    async run({ releaseSource, dryRun, log, note, ...context }) {
      const { release, revision } = releaseSource
      const event = { event: 'deploy', slot: '', release: release.name, revision } as const
      const sent = await recorded(context, event, () => releaseSource.send(log))
      note(
        sent ? `${release.name}${dryRun ? ', not sent in a dry run' : ''}` : `${release.name} is already on the host`,
      )
      return { release }
    },
  })
