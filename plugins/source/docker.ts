/**
 * Builds in a Docker image and copies the tarball out of a container that never runs. So the release is built for the host's Linux, whatever this machine
 * runs on.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type ProcessResult, runDetached } from '../../runner/detached.ts'
import { anyText, checked, fields, list, optional, record, text } from '../../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { DRY_RUN_SHA256, storeArtifact, storeFolder } from './artifact.ts'
import { type BuildOptions, buildArguments, createArguments, isPattern, pruneArguments } from './docker-arguments.ts'
import { buildFaults } from './faults.ts'
import { artifactFrom } from './folder.ts'
import { assertMakesTarball } from './mix.ts'
import { runInTask } from './process.ts'
import { VERSION_FILES, type VersionSource, versionOf, versionRule } from './version.ts'

export interface DockerOptions extends BuildOptions {
  /**
   * The folder of the application, relative to the Taskfile.
   *
   * @default '.'
   */
  readonly context?: string
  /**
   * Absolute path of the tarball or of the release's folder in the image. May contain `*` and `?`, if they match exactly one file.
   *
   * @default '/app/_build/prod/<app>-<version>.tar.gz'
   */
  readonly artifact?: string
  /** @default the version in `mix.exs` or `package.json` in `context` */
  readonly version?: VersionSource
}

const OPTIONS = fields<DockerOptions>({
  context: optional(text),
  dockerfile: optional(text),
  platform: optional(text),
  target: optional(text),
  buildArgs: optional(record(anyText)),
  secrets: optional(list(text)),
  artifact: optional(text),
  version: optional(versionRule),
})

export function docker(options: DockerOptions = {}): Plugin<BuildSource> {
  checked('docker()', OPTIONS, options)
  return {
    name: 'docker',
    kind: 'build',
    settings: ({ app }) => ({
      ...options,
      context: options.context ?? '.',
      dockerfile: options.dockerfile ?? 'Dockerfile',
      artifact: options.artifact ?? tarballInImage(app, '<version>'),
      version: options.version ?? VERSION_FILES,
    }),
    create: context => ({ build: () => buildIn(context, options) }),
  }
}

const tarballInImage = (app: string, version: string) => `/app/_build/prod/${app}-${version}.tar.gz`

async function buildIn(context: PluginContext, options: DockerOptions): Promise<Artifact> {
  const directory = resolve(context.folder, options.context ?? '.')
  const version = await versionOf(directory, options.version, context.revisionVersion)
  const artifact = options.artifact ?? tarballInImage(context.app, version)
  if (options.artifact === undefined) {
    const file = await readFile(resolve(directory, options.dockerfile ?? 'Dockerfile'), 'utf8').catch(() => '')
    // Only `mix release` is checked: how else a Dockerfile may make a tarball is unknown.
    if (/\bmix\s+release\b/.test(file)) await assertMakesTarball(directory, file, "`docker({ artifact: '/app/...' })`")
  }
  const container = `switchyard-${context.app}-${randomBytes(6).toString('hex')}`
  if (context.dryRun) {
    await runInTask(context, ['docker', 'build', ...buildArguments(context.app, options, process.env), '.'], directory)
    await runInTask(
      context,
      ['docker', ...createArguments(container, '<the image>', artifact, options.platform)],
      directory,
    )
    const path = join(storeFolder(context.app), `${context.app}-${version}.tar.gz`)
    await runInTask(context, ['docker', 'cp', `${container}:${artifact}`, path], directory)
    await runInTask(context, ['docker', 'rm', '--force', '--volumes', container], directory)
    await runInTask(context, ['docker', ...pruneArguments(context.app)], directory)
    return { path, version, sha256: DRY_RUN_SHA256 }
  }
  await mkdir(storeFolder(context.app), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(storeFolder(context.app), '.build-'))
  try {
    const idFile = join(work, 'image')
    const args = ['--iidfile', idFile, ...buildArguments(context.app, options, process.env)]
    await runInTask(context, ['docker', 'build', ...args, '.'], directory)
    const image = (await readFile(idFile, 'utf8')).trim()
    const copy = join(work, 'release.tar.gz')
    await copyOut(context, { image, container, artifact, copy, platform: options.platform })
    await runDetached(['docker', ...pruneArguments(context.app)])
    const made = await artifactFrom(context.app, copy, version, directory)
    return made.path === copy ? await storeArtifact(made, context.app) : made
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

interface Copy {
  readonly image: string
  readonly container: string
  readonly artifact: string
  readonly copy: string
  readonly platform: string | undefined
}

/** Creating and removing the container are never interrupted, so that no half-made container is left behind. */
async function copyOut(context: PluginContext, { image, container, artifact, copy, platform }: Copy): Promise<void> {
  context.signal.throwIfAborted()
  try {
    assertSucceeded(
      'docker create',
      await runDetached(['docker', ...createArguments(container, image, artifact, platform)]),
    )
    context.signal.throwIfAborted()
    const path = isPattern(artifact) ? await expandPattern(container, artifact) : artifact
    const { code, stderr } = await runDetached(['docker', 'cp', '--follow-link', `${container}:${path}`, copy])
    if (code !== 0) throw buildFaults.ARTIFACT_NOT_IN_IMAGE({ artifact, output: stderr.trim() })
    context.signal.throwIfAborted()
  } finally {
    const { code, stderr } = await runDetached(['docker', 'rm', '--force', '--volumes', container])
    if (code !== 0 && !/No such container/i.test(stderr))
      context.log(`The container ${container} could not be removed: ${stderr.trim()}`)
  }
}

/** Expands a pattern with `ls` in the image itself. */
async function expandPattern(container: string, artifact: string): Promise<string> {
  const { stdout, stderr } = await runDetached(['docker', 'start', '--attach', container])
  const [found, ...more] = stdout.split('\n').filter(Boolean)
  if (found === undefined) throw buildFaults.ARTIFACT_NOT_IN_IMAGE({ artifact, output: stderr.trim() })
  if (more.length > 0) throw buildFaults.ARTIFACT_AMBIGUOUS({ artifact, found: [found, ...more] })
  return found
}

function assertSucceeded(command: string, { code, stderr }: ProcessResult): void {
  if (code !== 0) throw buildFaults.BUILD_FAILED({ command, code, output: stderr.trim() })
}
