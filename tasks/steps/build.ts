import { contentsOf } from '../../slots/upload/contents.ts'
import { uploadOf } from '../../slots/upload/upload.ts'
import type { TaskDeps } from '../context.ts'

export type Build<S extends string> = ReturnType<typeof build<S>>

export const build = <S extends string>({ task }: TaskDeps<S>) =>
  task('Build the release', {
    async run({ build, note, tell, ...context }) {
      const artifact = await build()
      tell({ version: artifact.version, revision: artifact.revision })
      note(`${artifact.version}, sha256 ${artifact.sha256.slice(0, 7)}`)
      return { artifact, releaseSource: uploadOf(context, artifact, contentsOf(artifact)) }
    },
  })
