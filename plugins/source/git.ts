/** Builds a revision of the git repository of the Taskfile: the exact tree of a commit, never the working copy. */
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { runDetached } from '../../runner/detached.ts'
import { checked, either, fields, flag, oneOf, optional, text, thing } from '../../runner/taskfile/shape.ts'
import type { Artifact, BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { gitFaults } from '../../slots/git/faults.ts'
import { assertRepository, changedFiles, resolveCommit } from '../../slots/git/git.ts'
import { packFolder } from '../../slots/upload/archive.ts'
import { DRY_RUN_SHA256, sha256Of, storeArtifact, storeFolder } from './artifact.ts'
import { gitInTask, prefixOf, submodulesOf, withCheckout, withExtract } from './checkout.ts'
import { buildFaults } from './faults.ts'
import { withoutGit } from './folder.ts'
import { type VersionSource, versionOf, versionRule } from './version.ts'

export interface GitOptions {
  /**
   * A branch, a tag or a commit.
   *
   * @default 'HEAD'
   */
  readonly ref?: string
  /**
   * The build source that runs in the revision; its relative paths are relative to the Taskfile's folder there. Without it the folder itself becomes the
   * release, for an application that needs no build.
   *
   * @example docker({ context: '.' })
   */
  readonly build?: Plugin<BuildSource>
  /**
   * Fetches the branches of this remote first, `true` for `origin`. A branch named in `ref` is then that of the remote, not the local one.
   *
   * @default false
   */
  readonly fetch?: boolean | string
  /**
   * The folder that is built or packed, relative to the Taskfile.
   *
   * @default '.'
   */
  readonly path?: string
  /**
   * Whether to check out submodules, as `git submodule update --init --recursive` does. Without it a revision that has some is refused; `false` leaves
   * their folders empty.
   */
  readonly submodules?: boolean
  /**
   * The version of a release without `build`, whose build source has an option of its own.
   *
   * @default the version in `mix.exs` or `package.json` of the revision, else what `git describe --tags --always` prints
   */
  readonly version?: VersionSource
}

const OPTIONS = fields<GitOptions>({
  ref: optional(text),
  build: optional(
    thing<Plugin<BuildSource>>(
      'a build source, such as `docker()` or `command({ run })`',
      value =>
        typeof value === 'object' &&
        value !== null &&
        'create' in value &&
        typeof value.create === 'function' &&
        (!('kind' in value) || value.kind === undefined || value.kind === 'build'),
    ),
  ),
  fetch: optional(either(oneOf(true, false), text, 'true, false or the name of a remote')),
  path: optional(text),
  submodules: optional(flag),
  version: optional(versionRule),
})

/**
 * @throws OPTION_INVALID; the build: GIT_UNUSABLE, REF_UNKNOWN, GIT_SUBMODULES, GIT_FOLDER_MISSING, BUILD_FAILED, and those of `build`
 * @example git({ ref: 'main', fetch: true, build: docker() })
 * @example git({ ref: 'v1.2.0', version: '1.2.0' })
 */
export function git(options: GitOptions = {}): Plugin<BuildSource> {
  checked('git()', OPTIONS, options)
  return {
    name: options.build === undefined ? 'git' : `git, ${options.build.name}`,
    kind: 'build',
    ...(options.build?.shown && { shown: options.build.shown }),
    ...(options.build?.secrets && { secrets: options.build.secrets }),
    ...(options.build?.login && { login: options.build.login }),
    settings: context => ({
      ref: options.ref ?? 'HEAD',
      fetch: options.fetch ?? false,
      path: options.path ?? '.',
      ...(options.build && { build: { name: options.build.name, ...options.build.settings?.(context) } }),
    }),
    create: context => ({ build: () => buildRevision(context, options) }),
  }
}

async function buildRevision(context: PluginContext, options: GitOptions): Promise<Artifact> {
  const { folder, dryRun, show } = context
  await assertRepository(folder)
  const commit = await commitOf(context, options)
  const within = join(await prefixOf(folder), options.path ?? '.')
  const submodules = await submodulesOf(folder, commit)
  if (submodules.length > 0 && options.submodules === undefined)
    throw buildFaults.GIT_SUBMODULES({ commit, submodules })
  const changed = commit === (await resolveCommit(folder, 'HEAD')) ? await changedFiles(folder) : []
  // Also for a build that fails: a file that was never committed is the likeliest reason.
  if (changed.length > 0) show(`Not committed, so not part of this release: ${listed(changed)}.`)
  const make = async (tree: string, work: string): Promise<Artifact> => {
    const place = join(tree, within)
    if (!(await stat(place).catch(() => undefined))?.isDirectory())
      throw buildFaults.GIT_FOLDER_MISSING({ commit, path: within })
    const made = options.build
      ? await buildIn(context, options.build, place, work, commit)
      : await pack(context, options.version, place, work, commit)
    // The tree is the commit's, whatever the build wrote into it.
    return { ...made, revision: commit }
  }
  if (!dryRun) return withCheckout(context, commit, submodules.length > 0 && options.submodules === true, make)
  const tree = join(storeFolder(context.app), '.git', 'tree')
  await gitInTask(context, ['worktree', 'add', '--detach', tree, commit], folder)
  return withExtract(folder, commit, extract => make(extract, extract), tmpdir())
}

const LISTED = 5

/** The first few names, and how many more there are. */
const listed = (names: readonly string[]): string =>
  names.length <= LISTED + 1
    ? names.join(', ')
    : `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`

/** @throws REF_UNKNOWN */
async function commitOf(context: PluginContext, { ref = 'HEAD', fetch = false }: GitOptions): Promise<string> {
  const { folder, log } = context
  const remote = fetch === true ? 'origin' : fetch
  if (remote !== false)
    await gitInTask(context, ['fetch', '--', remote, `+refs/heads/*:refs/remotes/${remote}/*`], folder)
  const names = remote === false ? [ref] : [`refs/remotes/${remote}/${ref}`, ref]
  for (const name of names) {
    const commit = await resolveCommit(folder, name)
    if (commit === undefined) continue
    const { stdout } = await runDetached(['git', '-C', folder, 'show', '--no-patch', '--format=%s', commit])
    log(`${ref} is ${commit.slice(0, 10)}: ${stdout.trim()}`)
    return commit
  }
  throw gitFaults.REF_UNKNOWN({ folder, ref })
}

/** Runs the inner build source as if the Taskfile were in the checkout. An artifact in there moves to the store, because the checkout is removed. */
async function buildIn(
  context: PluginContext,
  { create }: Plugin<BuildSource>,
  place: string,
  work: string,
  commit: string,
): Promise<Artifact> {
  const revisionVersion = () => described(context.folder, commit)
  const made = await create({ ...context, folder: place, $: context.$({ cwd: place }), revisionVersion }).build()
  if (relative(work, made.path).startsWith('..')) return made
  if (context.dryRun) return { ...made, path: storedPath(context, made.version) }
  return storeArtifact(made, context.app)
}

async function pack(
  context: PluginContext,
  configured: VersionSource | undefined,
  place: string,
  work: string,
  commit: string,
): Promise<Artifact> {
  const version = await versionOf(place, configured, () => described(context.folder, commit))
  if (context.dryRun) return { path: storedPath(context, version), version, sha256: DRY_RUN_SHA256 }
  const path = join(work, 'release.tar.gz')
  await packFolder(place, path, withoutGit)
  context.signal.throwIfAborted()
  return storeArtifact({ path, version, sha256: await sha256Of(path) }, context.app)
}

const storedPath = ({ app }: PluginContext, version: string): string =>
  join(storeFolder(app), `${app}-${version}.tar.gz`)

/** The newest tag before the commit, with the distance from it, or the start of its hash: `v1.2.0-3-g1a2b3c4d5e`. */
async function described(folder: string, commit: string): Promise<string> {
  const { stdout } = await runDetached([
    ...(['git', '-C', folder, 'describe', '--tags', '--always', '--abbrev=10', commit] as const),
  ])
  return stdout.trim().replaceAll('/', '-')
}
