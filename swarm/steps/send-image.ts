import type { SwarmDeps } from '../context.ts'
import { pullImage, releaseNameOf, sendImage } from '../image.ts'
import { assertNeeded } from '../needed.ts'
import type { ImageRelease } from '../service.ts'
import type { Build } from './build.ts'
import type { DetectLive } from './take-lock.ts'

export type SendImage = ReturnType<typeof sendImageStep>

export const sendImageStep = ({ task }: SwarmDeps, built: Build, detected: DetectLive) =>
  task('Send the image', {
    needs: [built, detected],
    async run({
      artifact,
      liveState,
      definition,
      app,
      host,
      setting,
      dryRun,
      note,
      log,
    }): Promise<{ release: ImageRelease }> {
      const { cluster } = liveState
      const needed = assertNeeded(definition)
      if (needed) await host.query(needed)
      if (!artifact) {
        if ('create' in definition.image) throw new TypeError('a built image has an artifact')
        const release = await host.query(pullImage(definition.image))
        note(release.name)
        return { release }
      }
      const name = releaseNameOf(artifact)
      if (dryRun) {
        note(definition.registry ?? 'to each node')
        return {
          release: {
            name,
            version: artifact.version,
            image: definition.registry ?? name,
            local: definition.registry === undefined,
          },
        }
      }
      const targets = cluster.nodes.filter(({ availability, up }) => availability === 'active' && up)
      const { registry, nodes } = definition
      const release = await sendImage(
        {
          app,
          host,
          setting,
          targets,
          here: cluster.here,
          log,
          ...(registry !== undefined && { registry }),
          ...(nodes && { nodes }),
        },
        artifact,
      )
      note(`${release.name} ${registry === undefined ? `to ${targets.length} nodes` : `through ${registry}`}`)
      return { release }
    },
  })
