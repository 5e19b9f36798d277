import type { Artifact } from '../../slots/contracts.ts'
import type { SwarmDeps } from '../context.ts'

export type Build = ReturnType<typeof build>

/** Starts nothing for an image that a registry has. */
export const build = ({ task }: SwarmDeps) =>
  task('Build the image', {
    async run({ definition: { image }, build, note }): Promise<{ artifact: Artifact | undefined }> {
      if (!('create' in image)) {
        note(image.name)
        return { artifact: undefined }
      }
      const artifact = await build()
      note(artifact.version)
      return { artifact }
    },
  })
