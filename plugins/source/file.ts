/** A build that was made elsewhere: a ready tarball, such as the artifact of a CI job. */
import { resolve } from 'node:path'
import { anyText, checked, either, fields, optional } from '../../runner/taskfile/shape.ts'
import type { BuildSource, Plugin } from '../../slots/contracts.ts'
import { theOne } from './artifact.ts'
import { buildFaults } from './faults.ts'
import { artifactOf } from './folder.ts'
import { type VersionSource, versionOf, versionRule } from './version.ts'

export interface TarballOptions {
  /** A `.tar.gz`, or a folder that becomes one, on this machine, relative to the Taskfile. Its name may hold `*` and `?`, when that means one file. */
  readonly path: string
  /** Unless told, what `mix.exs` or `package.json` beside the Taskfile says. */
  readonly version?: VersionSource
}

const OPTIONS = fields<TarballOptions>({
  // `env.TARBALL ?? ''` is for the commands that build nothing.
  path: anyText,
  version: optional(either(anyText, versionRule)),
})

export function tarball(options: TarballOptions): Plugin<BuildSource> {
  const { path, version } = checked('tarball()', OPTIONS, options)
  return {
    name: 'tarball',
    kind: 'build',
    create: ({ app, folder }) => ({
      async build() {
        if (path === '') throw buildFaults.ARTIFACT_MISSING({ path: '""' })
        return artifactOf(app, await theOne(resolve(folder, path)), await versionOf(folder, version), folder)
      },
    }),
  }
}
