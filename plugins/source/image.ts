/** A container image as the release, for `container()`. It travels over the connection to the host, and no registry is needed; or the host pulls it. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { runDetached } from '../../runner/detached.ts'
import { anyText, checked, fields, list, oneOf, optional, record, text } from '../../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginContext, RegistryLogin } from '../../slots/contracts.ts'
import { packFolder } from '../../slots/upload/archive.ts'
import { basicOf, nameOf } from '../registry/reference.ts'
import { DRY_RUN_SHA256, resolveArtifactPath, storeArtifact, storeFolder, tarballArtifact } from './artifact.ts'
import { type BuildOptions, buildArguments, pruneArguments } from './docker-arguments.ts'
import { buildFaults } from './faults.ts'
import { runInTask } from './process.ts'
import { type Pulled, type PullOptions, pulledOf, pullRule, writePulled } from './pulled-image.ts'
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
   * Takes an image that a registry has, instead of building one: each host pulls it. A tag is resolved to its digest once, on this machine, so that all hosts
   * run the same image, also after a restart, a rollback or a reboot, and whatever the tag stands for then. A name that has a digest is not asked for. For a
   * private registry an object, with the login for this machine and the hosts; without one the hosts use their own, from `podman login` or `docker login`.
   *
   * @example 'registry.example/shop:1.2.0'
   * @example { image: 'registry.example/shop:1.2.0', user: 'deploy', password: env.REGISTRY_PASSWORD }
   */
  readonly pull?: string | PullOptions
  /**
   * The engine on this machine, which need not be that of the host.
   *
   * @default 'docker'
   */
  readonly engine?: 'docker' | 'podman'
  /** @default the version in `mix.exs` or `package.json` in `context`; with `pull` its tag */
  readonly version?: VersionSource
}

const OPTIONS = fields<ImageOptions>({
  context: optional(text),
  name: optional(text),
  archive: optional(text),
  pull: optional(pullRule),
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
 * The release is the image: one file for each of its layers. An upload sends only the layers that the host lacks. With `pull` the release is the name of an
 * image in a registry. The same image always makes the same release.
 *
 * @throws OPTION_INVALID, IMAGE_SOURCES; the build: BUILD_FAILED, IMAGE_UNREADABLE, ARTIFACT_MISSING, VERSION_UNKNOWN, and those of the registry
 * @example image({ context: 'app' })
 * @example image({ archive: 'life.tar', version: '1.2.0' })
 * @example image({ pull: 'registry.example/shop:1.2.0' })
 */
export function image(options: ImageOptions = {}): Plugin<BuildSource> {
  checked('image()', OPTIONS, options)
  const taken = (['name', 'archive', 'pull'] as const).filter(option => options[option] !== undefined)
  const other = [...taken.slice(1), ...(taken.length > 0 ? OF_BUILD.filter(name => options[name] !== undefined) : [])]
  if (taken[0] !== undefined && other[0] !== undefined)
    throw buildFaults.IMAGE_SOURCES({ option: taken[0], other: other[0] })
  const pulled = options.pull === undefined ? undefined : pulledOf(options.pull)
  const { login } = pulled ?? {}
  return {
    // A swarm pulls an image itself.
    name: pulled ? 'image, pulled' : 'image',
    kind: 'build',
    ...(login && { login, ...(login.password !== undefined && { secrets: secretsOf(login, login.password) }) }),
    settings: () => settingsOf(options, pulled),
    create: context => ({ build: () => buildImage(context, options, pulled) }),
  }
}

/** A registry gets the password together with the user, in base64. */
const secretsOf = ({ user }: RegistryLogin, password: string): readonly string[] => [password, basicOf(user, password)]

function settingsOf(options: ImageOptions, pulled: Pulled | undefined): Readonly<Record<string, unknown>> {
  const { pull: _, ...rest } = options
  if (pulled) {
    const { reference, login } = pulled
    return {
      ...rest,
      pull: nameOf(reference),
      ...(login && { user: login.user }),
      version: versionSource(options, pulled),
    }
  }
  return {
    ...rest,
    context: options.context ?? '.',
    engine: options.engine ?? 'docker',
    version: options.version ?? VERSION_FILES,
  }
}

/** An image of a registry has its tag as its version, if it has one. */
const versionSource = ({ version }: ImageOptions, pulled: Pulled): VersionSource | undefined =>
  version ?? pulled.reference.tag ?? pulled.reference.digest?.replace('sha256:', '').slice(0, 12)

async function buildImage(
  context: PluginContext,
  options: ImageOptions,
  pulled: Pulled | undefined,
): Promise<Artifact> {
  const { app, dryRun } = context
  const directory = resolve(context.folder, options.context ?? '.')
  const version = await versionOf(directory, pulled ? versionSource(options, pulled) : options.version)
  if (dryRun) {
    if (pulled) context.log(`would ask ${pulled.reference.registry} which image ${nameOf(pulled.reference)} is`)
    else await saved(context, options, directory, storeFolder(app))
    return { path: join(storeFolder(app), `${app}-${version}.tar.gz`), version, sha256: DRY_RUN_SHA256 }
  }
  await mkdir(storeFolder(app), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(storeFolder(app), '.image-'))
  try {
    const release = join(work, 'release')
    if (pulled) await writePulled(context, pulled, release)
    else await unpackImage(app, await saved(context, options, directory, work), work, release)
    context.signal.throwIfAborted()
    const packed = join(work, 'release.tar.gz')
    await packFolder(release, packed)
    context.signal.throwIfAborted()
    const artifact = await tarballArtifact(packed, version, directory)
    // The commit of this folder is not that of an image that was built elsewhere.
    const { revision: _, ...unknown } = artifact
    return await storeArtifact(pulled ? unknown : artifact, app)
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
