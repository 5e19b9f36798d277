import { contentsOf } from '../../slots/upload/contents.ts'
import { sendingOf } from '../../slots/upload/upload.ts'
import type { Parts } from '../context.ts'

export type Build<S extends string> = ReturnType<typeof build<S>>

export const build = <S extends string>({ task }: Parts<S>) =>
  task('Build the release', {
    async run({ build, note, ...ground }) {
      const artifact = await build()
      note(`${artifact.version}, sha256 ${artifact.sha256.slice(0, 7)}`)
      const contents = contentsOf(artifact)
      return { artifact, contents, sending: sendingOf(ground, artifact, contents) }
    },
  })
