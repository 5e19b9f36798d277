/** A build by a command on this machine, such as `mix release`. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import type { BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { NOT_MADE, theOne } from './artifact.ts'
import { artifactOf } from './folder.ts'
import { assertPacks } from './mix.ts'
import { visibly } from './process.ts'
import { type VersionSource, versionOf, versionRule } from './version.ts'

export interface CommandOptions {
  /** A line of bash: `MIX_ENV=prod mix release --overwrite`. A secret comes from the environment, and never stands in it. */
  readonly run: string
  /** The tarball or the folder that it makes, relative to `cwd`; its name may hold `*` and `?`, when that means one file. `_build/prod/<app>-<version>.tar.gz` unless told. */
  readonly artifact?: string
  /** Unless told, what `mix.exs` or `package.json` in `cwd` says. */
  readonly version?: VersionSource
  /** Where it runs, relative to the Taskfile; there unless told. */
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
  return { name: 'command', kind: 'build', create: kit => source(kit, options) }
}

const source = (kit: PluginContext, options: CommandOptions): BuildSource => ({
  async build() {
    const cwd = resolve(kit.folder, options.cwd ?? '.')
    const version = await versionOf(cwd, options.version)
    const path = resolve(cwd, options.artifact ?? `_build/prod/${kit.app}-${version}.tar.gz`)
    const folder = `\`artifact: '_build/prod/rel/${kit.app}'\``
    if (options.artifact === undefined && /\bmix release\b/.test(options.run)) await assertPacks(cwd, '', folder)
    const begin = Date.now()
    await visibly(kit, ['bash', '-euo', 'pipefail', '-c', options.run], cwd)
    if (kit.dryRun) return { path, version, sha256: NOT_MADE }
    const found = await theOne(path)
    const made = await artifactOf(kit.app, found, version, cwd)
    const { mtime } = await stat(made.path)
    if (mtime.getTime() < begin - 2_000)
      kit.log(`${made.path} was not made by this build, but at ${mtime.toISOString()}.`)
    return made
  },
})
