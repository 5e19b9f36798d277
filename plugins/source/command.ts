/** Builds with a command on this machine, such as `mix release`. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import type { BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { DRY_RUN_SHA256, resolveArtifactPath } from './artifact.ts'
import { artifactFrom } from './folder.ts'
import { assertMakesTarball } from './mix.ts'
import { runInTask } from './process.ts'
import { VERSION_FILES, type VersionSource, versionOf, versionRule } from './version.ts'

export interface CommandOptions {
  /**
   * A bash command line. Pass secrets in the environment, never in the command line.
   *
   * @example 'MIX_ENV=prod mix release --overwrite'
   */
  readonly run: string
  /**
   * The tarball or folder that the command makes, relative to `cwd`. Its name may contain `*` and `?`, if they match exactly one file.
   *
   * @default '_build/prod/<app>-<version>.tar.gz'
   */
  readonly artifact?: string
  /** @default the version in `mix.exs` or `package.json` in `cwd` */
  readonly version?: VersionSource
  /**
   * Working directory of the command, relative to the Taskfile.
   *
   * @default '.'
   */
  readonly cwd?: string
}

const OPTIONS = fields<CommandOptions>({
  run: text,
  artifact: optional(text),
  version: optional(versionRule),
  cwd: optional(text),
})

export function command(options: CommandOptions): Plugin<BuildSource> {
  checked('command()', OPTIONS, options)
  return {
    name: 'command',
    kind: 'build',
    settings: ({ app }) => ({
      run: options.run,
      cwd: options.cwd ?? '.',
      artifact: options.artifact ?? tarballOf(app, '<version>'),
      version: options.version ?? VERSION_FILES,
    }),
    create: context => source(context, options),
  }
}

const tarballOf = (app: string, version: string) => `_build/prod/${app}-${version}.tar.gz`

const source = (context: PluginContext, options: CommandOptions): BuildSource => ({
  async build() {
    const cwd = resolve(context.folder, options.cwd ?? '.')
    const version = await versionOf(cwd, options.version, context.revisionVersion)
    const path = resolve(cwd, options.artifact ?? tarballOf(context.app, version))
    const option = `\`artifact: '_build/prod/rel/${context.app}'\``
    if (options.artifact === undefined && /\bmix release\b/.test(options.run)) await assertMakesTarball(cwd, '', option)
    const startedAt = Date.now()
    await runInTask(context, ['bash', '-euo', 'pipefail', '-c', options.run], cwd)
    if (context.dryRun) return { path, version, sha256: DRY_RUN_SHA256 }
    const found = await resolveArtifactPath(path)
    const made = await artifactFrom(context.app, found, version, cwd)
    const { mtime } = await stat(made.path)
    if (mtime.getTime() < startedAt - 2_000)
      context.log(`${made.path} was not made by this build: it dates from ${mtime.toISOString()}.`)
    return made
  },
})
