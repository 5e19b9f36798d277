/** Uses an artifact that was built elsewhere, such as that of a CI job. */
import { resolve } from 'node:path'
import { anyText, checked, either, fields, optional } from '../../runner/taskfile/shape.ts'
import type { BuildSource, Plugin } from '../../slots/contracts.ts'
import { resolveArtifactPath } from './artifact.ts'
import { buildFaults } from './faults.ts'
import { artifactFrom } from './folder.ts'
import { VERSION_FILES, type VersionSource, versionOf, versionRule } from './version.ts'

export interface TarballOptions {
  /** Path of a `.tar.gz`, or of a folder to pack, relative to the Taskfile. Its name may contain `*` and `?`, if they match exactly one file. */
  readonly path: string
  /** @default the version in `mix.exs` or `package.json` next to the Taskfile */
  readonly version?: VersionSource
}

const OPTIONS = fields<TarballOptions>({
  // May be empty (`env.TARBALL ?? ''`) for commands that do not build.
  path: anyText,
  version: optional(either(anyText, versionRule)),
})

export function tarball(options: TarballOptions): Plugin<BuildSource> {
  const { path, version } = checked('tarball()', OPTIONS, options)
  return {
    name: 'tarball',
    kind: 'build',
    settings: () => ({ path, version: version ?? VERSION_FILES }),
    create: ({ app, folder, revisionVersion }) => ({
      async build() {
        if (path === '') throw buildFaults.ARTIFACT_MISSING({ path: '""' })
        return artifactFrom(
          app,
          await resolveArtifactPath(resolve(folder, path)),
          await versionOf(folder, version, revisionVersion),
          folder,
        )
      },
    }),
  }
}
