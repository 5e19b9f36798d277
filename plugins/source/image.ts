/** Builds a container image as the release, for `container()`. It travels over the connection to the host; no registry is needed. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { runDetached } from '../../runner/detached.ts'
import { anyText, checked, fields, list, oneOf, optional, record, text } from '../../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { packFolder } from '../../slots/upload/archive.ts'
import { DRY_RUN_SHA256, resolveArtifactPath, storeArtifact, storeFolder, tarballArtifact } from './artifact.ts'
import { type BuildOptions, buildArguments, pruneArguments } from './docker-arguments.ts'
import { buildFaults } from './faults.ts'
import { runInTask } from './process.ts'
import { unpackImage } from './saved-image.ts'
import { VERSION_FILES, type VersionSource, versionOf, versionRule } from './version.ts'

export interface ImageOptions extends BuildOptions {
  /**
   * The folder of the application with its Dockerfile, relative to the Taskfile.
   *
   * @default '.'
   */
  readonly context?: string
  /**
   * Takes this image of the engine on this machine instead of building one.
   *
   * @example 'registry.example/life:1.2.0'
   */
  readonly name?: string
  /**
   * Takes a file that `docker save` or `podman save` wrote, relative to the Taskfile, instead of building; also compressed with gzip. Its name may contain
   * `*` and `?`, if they match exactly one file. No engine is needed on this machine then.
   *
   * @example 'dist/life-*.tar'
   */
  readonly archive?: string
  /**
   * The engine on this machine, which need not be that of the host.
   *
   * @default 'docker'
   */
  readonly engine?: 'docker' | 'podman'
  /** @default the version in `mix.exs` or `package.json` in `context` */
  readonly version?: VersionSource
}

const OPTIONS = fields<ImageOptions>({
  context: optional(text),
  name: optional(text),
  archive: optional(text),
  platform: optional(text),
  engine: optional(oneOf('docker', 'podman')),
  dockerfile: optional(text),
  target: optional(text),
  buildArgs: optional(record(anyText)),
  secrets: optional(list(text)),
  version: optional(versionRule),
})

/** The options that a build alone has. */
const OF_BUILD = ['dockerfile', 'target', 'buildArgs', 'secrets', 'platform'] as const

/**
 * The release is the image: one file for each of its layers. An upload sends only the layers that the host lacks. The same image always makes the same
 * release.
 *
 * @throws OPTION_INVALID, IMAGE_SOURCES; the build: BUILD_FAILED, IMAGE_UNREADABLE, ARTIFACT_MISSING, VERSION_UNKNOWN
 * @example image({ context: 'app' })
 * @example image({ archive: 'life.tar', version: '1.2.0' })
 */
export function image(options: ImageOptions = {}): Plugin<BuildSource> {
  checked('image()', OPTIONS, options)
  const taken = (['name', 'archive'] as const).filter(option => options[option] !== undefined)
  const other = [...taken.slice(1), ...(taken.length > 0 ? OF_BUILD.filter(name => options[name] !== undefined) : [])]
  if (taken[0] !== undefined && other[0] !== undefined)
    throw buildFaults.IMAGE_SOURCES({ option: taken[0], other: other[0] })
  return {
    name: 'image',
    kind: 'build',
    settings: () => ({
      ...options,
      context: options.context ?? '.',
      engine: options.engine ?? 'docker',
      version: options.version ?? VERSION_FILES,
    }),
    create: context => ({ build: () => buildImage(context, options) }),
  }
}

async function buildImage(context: PluginContext, options: ImageOptions): Promise<Artifact> {
  const { app, dryRun } = context
  const directory = resolve(context.folder, options.context ?? '.')
  const version = await versionOf(directory, options.version)
  if (dryRun) {
    await saved(context, options, directory, storeFolder(app))
    return { path: join(storeFolder(app), `${app}-${version}.tar.gz`), version, sha256: DRY_RUN_SHA256 }
  }
  await mkdir(storeFolder(app), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(storeFolder(app), '.image-'))
  try {
    const archive = await saved(context, options, directory, work)
    const release = join(work, 'release')
    await unpackImage(app, archive, work, release)
    context.signal.throwIfAborted()
    const packed = join(work, 'release.tar.gz')
    await packFolder(release, packed)
    context.signal.throwIfAborted()
    return await storeArtifact(await tarballArtifact(packed, version, directory), app)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Resolves to the path of the image's archive; a dry run prints what would make it. */
async function saved(context: PluginContext, options: ImageOptions, directory: string, work: string): Promise<string> {
  const { archive, name, engine = 'docker' } = options
  if (archive !== undefined) {
    const path = resolve(context.folder, archive)
    return context.dryRun ? path : resolveArtifactPath(path)
  }
  const file = join(work, 'image.tar')
  if (name === undefined) {
    const ids = join(work, 'id')
    const args = [...buildArguments(context.app, options, process.env)]
    await runInTask(context, [engine, 'build', ...(context.dryRun ? [] : ['--iidfile', ids]), ...args, '.'], directory)
    const id = context.dryRun ? '<the image>' : (await readFile(ids, 'utf8')).trim()
    await runInTask(context, [engine, 'save', '--output', file, id], directory)
    if (!context.dryRun) await runDetached([engine, ...pruneArguments(context.app)])
  } else await runInTask(context, [engine, 'save', '--output', file, name], directory)
  return file
}
