import { recorded } from '../slots/journal/journal.ts'
import { releaseOf } from '../slots/upload/release.ts'
import { uploadRelease } from '../slots/upload/upload.ts'
import type { Build } from './build.ts'
import type { Parts } from './context.ts'

export type Upload<S extends string> = ReturnType<typeof upload<S>>

export const upload = <S extends string>({ task }: Parts<S>, build: Build<S>) =>
  task('Upload the release', {
    about: 'A release that is already on the host, by version and content, is left as it is.',
    needs: [build],
    async run({ host, layout, deploy, dryRun, artifact, contents, log, note }) {
      const release = releaseOf(artifact, layout)
      const ground = { host, layout, deploy, dryRun, log }
      const event = { event: 'deploy', slot: '', release: release.name, revision: artifact.revision } as const
      const sent = await recorded(ground, event, () => uploadRelease(ground, artifact, contents, release))
      note(sent ? release.name : `${release.name} is already there`)
      return { release }
    },
  })
