/**
 * A build in a Docker image: the tarball is copied out of a container that never runs. So the release is built on the
 * Linux that the host has, whatever this machine is.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { anyText, checked, fields, list, optional, record, text } from '../../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { keep, NOT_MADE, storeOf } from './artifact.ts'
import { type BuildOptions, buildArguments, createArguments, isPattern, pruneArguments } from './docker-words.ts'
import { buildFaults } from './faults.ts'
import { artifactOf } from './folder.ts'
import { assertPacks } from './mix.ts'
import { type Ended, steadily, visibly } from './process.ts'
import { type VersionSource, versionOf, versionRule } from './version.ts'

export interface DockerOptions extends BuildOptions {
  /** The folder of the application, relative to the Taskfile; there unless told. */
  readonly context?: string
  /** The tarball, or the folder of the release, in the image, an absolute path; `*` and `?` may mean one file. `/app/_build/prod/<app>-<version>.tar.gz` unless told. */
  readonly artifact?: string
  /** Unless told, what `mix.exs` or `package.json` in `context` says. */
  readonly version?: VersionSource
}

const OPTIONS = fields<DockerOptions>({
  context: optional(text),
  dockerfile: optional(text),
  target: optional(text),
  buildArgs: optional(record(anyText)),
  secrets: optional(list(text)),
  artifact: optional(text),
  version: optional(versionRule),
})

export function docker(options: DockerOptions = {}): Plugin<BuildSource> {
  checked('docker()', OPTIONS, options)
  return { name: 'docker', kind: 'build', create: kit => ({ build: () => buildIn(kit, options) }) }
}

async function buildIn(kit: PluginContext, options: DockerOptions): Promise<Artifact> {
  const context = resolve(kit.folder, options.context ?? '.')
  const version = await versionOf(context, options.version)
  const artifact = options.artifact ?? `/app/_build/prod/${kit.app}-${version}.tar.gz`
  if (options.artifact === undefined) {
    const file = await readFile(resolve(context, options.dockerfile ?? 'Dockerfile'), 'utf8').catch(() => '')
    // What else a Dockerfile may do to make a tarball is not known here.
    if (/\bmix\s+release\b/.test(file)) await assertPacks(context, file, "`docker({ artifact: '/app/...' })`")
  }
  const container = `switchyard-${kit.app}-${randomBytes(6).toString('hex')}`
  if (kit.dryRun) {
    await visibly(kit, ['docker', 'build', ...buildArguments(kit.app, options, process.env), '.'], context)
    await visibly(kit, ['docker', ...createArguments(container, '<the image>', artifact)], context)
    const path = join(storeOf(kit.app), `${kit.app}-${version}.tar.gz`)
    await visibly(kit, ['docker', 'cp', `${container}:${artifact}`, path], context)
    await visibly(kit, ['docker', 'rm', '--force', '--volumes', container], context)
    await visibly(kit, ['docker', ...pruneArguments(kit.app)], context)
    return { path, version, sha256: NOT_MADE }
  }
  await mkdir(storeOf(kit.app), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(storeOf(kit.app), '.build-'))
  try {
    const idFile = join(work, 'image')
    const words = ['--iidfile', idFile, ...buildArguments(kit.app, options, process.env)]
    await visibly(kit, ['docker', 'build', ...words, '.'], context)
    const image = (await readFile(idFile, 'utf8')).trim()
    const copy = join(work, 'release.tar.gz')
    await copyOut(kit, { image, container, artifact, copy })
    await steadily(['docker', ...pruneArguments(kit.app)])
    const made = await artifactOf(kit.app, copy, version, context)
    return made.path === copy ? await keep(made, kit.app) : made
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

interface Copy {
  readonly image: string
  readonly container: string
  readonly artifact: string
  readonly copy: string
}

/** Making and removing the container are never cut short: half of it would be left behind. */
async function copyOut(kit: PluginContext, { image, container, artifact, copy }: Copy): Promise<void> {
  kit.signal.throwIfAborted()
  try {
    succeeded('docker create', await steadily(['docker', ...createArguments(container, image, artifact)]))
    kit.signal.throwIfAborted()
    const path = isPattern(artifact) ? await find(container, artifact) : artifact
    const { code, stderr } = await steadily(['docker', 'cp', '--follow-link', `${container}:${path}`, copy])
    if (code !== 0) throw buildFaults.ARTIFACT_NOT_IN_IMAGE({ artifact, said: stderr.trim() })
    kit.signal.throwIfAborted()
  } finally {
    const { code, stderr } = await steadily(['docker', 'rm', '--force', '--volumes', container])
    if (code !== 0 && !/No such container/i.test(stderr))
      kit.log(`The container ${container} is left: ${stderr.trim()}`)
  }
}

/** What a pattern means in the image; its own `ls` knows. */
async function find(container: string, artifact: string): Promise<string> {
  const { stdout, stderr } = await steadily(['docker', 'start', '--attach', container])
  const [found, ...more] = stdout.split('\n').filter(Boolean)
  if (found === undefined) throw buildFaults.ARTIFACT_NOT_IN_IMAGE({ artifact, said: stderr.trim() })
  if (more.length > 0) throw buildFaults.ARTIFACT_AMBIGUOUS({ artifact, found: [found, ...more] })
  return found
}

function succeeded(command: string, { code, stderr }: Ended): void {
  if (code !== 0) throw buildFaults.BUILD_FAILED({ command, code, said: stderr.trim() })
}
