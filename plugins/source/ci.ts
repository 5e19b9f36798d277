/** Artifacts that GitHub or GitLab made of a commit, fetched with the vendor's own program. */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { checked, either, fields, oneOf, optional, type Rule, text, thing } from '../../runner/taskfile/shape.ts'
import type { BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { DRY_RUN_SHA256, resolveArtifactPath } from './artifact.ts'
import { buildFaults } from './faults.ts'
import { artifactFrom } from './folder.ts'
import { git } from './git.ts'
import { excerpt } from './process.ts'
import { type VersionSource, versionOf, versionRule } from './version.ts'

interface Revision {
  /**
   * The commit whose artifact is wanted: a branch, a tag or a hash.
   *
   * @default 'HEAD'
   */
  readonly ref?: string
  /**
   * Fetches first: `true` from `origin`, or the name of a remote. `ref` is then looked for among its branches first.
   *
   * @default false
   */
  readonly fetch?: boolean | string
  /** @default the version in `mix.exs` or `package.json` in the commit, else what `git describe` prints */
  readonly version?: VersionSource
}

export interface GithubOptions extends Revision {
  /**
   * The workflow whose newest successful run for the commit has the artifact: its file or its name.
   *
   * @example 'build.yml'
   */
  readonly workflow: string
  /** The name of the artifact, as in `actions/upload-artifact`. */
  readonly artifact: string
  /**
   * The tarball in the artifact, whose name may contain `*` and `?` if they match exactly one file, or `.` to pack all of the artifact.
   *
   * @default '*.tar.gz'
   */
  readonly path?: string
  /**
   * @example 'team/life'
   * @default the repository of the checkout
   */
  readonly repository?: string
}

export interface GitlabOptions extends Revision {
  /** The name of the job whose newest success for the commit has the artifact. */
  readonly job: string
  /**
   * The tarball among the artifacts of the job.
   *
   * @example 'build/life.tar.gz'
   */
  readonly path: string
  /**
   * @example 'team/life'
   * @default the project of the checkout
   */
  readonly project?: string
}

const revision = {
  ref: optional(text),
  fetch: optional(either(oneOf(true, false), text, 'true, false or the name of a remote')),
  version: optional(versionRule),
}
/** A word that is no flag, since it is an argument of the vendor's program. */
const word: Rule<string> = thing('a name', value => typeof value === 'string' && /^[^-\s]/.test(value))

const GITHUB = fields<GithubOptions>({
  ...revision,
  workflow: word,
  artifact: word,
  path: optional(text),
  repository: optional(word),
})
const GITLAB = fields<GitlabOptions>({ ...revision, job: word, path: word, project: optional(word) })

/**
 * The artifact of a workflow of GitHub Actions, with `gh`, which takes its login or `GH_TOKEN`.
 *
 * @throws OPTION_INVALID; the build: CI_RUN_MISSING, CI_UNREADABLE, BUILD_FAILED, and those of `git()`
 * @example github({ workflow: 'build.yml', artifact: 'release' })
 */
export function github(options: GithubOptions): Plugin<BuildSource> {
  checked('github()', GITHUB, options)
  const { workflow, artifact, path = '*.tar.gz', repository } = options
  const of = repository === undefined ? [] : ['--repo', repository]
  return fromCi('github', options, { workflow, artifact, path, repository }, async (context, commit, into) => {
    const fresh = ['--commit', commit, '--workflow', workflow, '--status', 'success', '--limit', '1']
    const command = ['gh', 'run', 'list', ...fresh, '--json', 'databaseId', ...of]
    const id = numbersAt('databaseId', await ask(context, command))[0]
    if (id === undefined) throw buildFaults.CI_RUN_MISSING({ vendor: 'GitHub', what: `run of ${workflow}`, commit })
    context.log(`Run ${id} of ${workflow} has the artifact ${artifact}.`)
    await ask(context, ['gh', 'run', 'download', `${id}`, '--name', artifact, '--dir', into, ...of])
    return resolve(into, path)
  })
}

/**
 * The artifact of a job of GitLab CI, with `glab`, which takes its login or `GITLAB_TOKEN`.
 *
 * @throws OPTION_INVALID; the build: CI_RUN_MISSING, CI_UNREADABLE, BUILD_FAILED, and those of `git()`
 * @example gitlab({ job: 'build', path: 'life.tar.gz' })
 */
export function gitlab(options: GitlabOptions): Plugin<BuildSource> {
  checked('gitlab()', GITLAB, options)
  const { job, path, project } = options
  // glab fills in the placeholder.
  const base = `projects/${project === undefined ? ':fullpath' : encodeURIComponent(project)}`
  return fromCi('gitlab', options, { job, path, project }, async (context, commit, into) => {
    const query = new URLSearchParams({ name: job, per_page: '100' })
    const answer = await ask(context, ['glab', 'api', `${base}/repository/commits/${commit}/statuses?${query}`])
    // Newer jobs have higher numbers.
    const id = numbersAt('id', answer, ({ status, name }) => status === 'success' && name === job).sort(
      (a, b) => b - a,
    )[0]
    if (id === undefined) throw buildFaults.CI_RUN_MISSING({ vendor: 'GitLab', what: `job ${job}`, commit })
    context.log(`Job ${id}, ${job}, has the artifact ${path}.`)
    const file = join(into, 'artifact.tar.gz')
    const within = path.split('/').map(encodeURIComponent).join('/')
    await ask(context, [
      'bash',
      '-c',
      'exec glab api "$1" > "$2"',
      'glab',
      `${base}/jobs/${id}/artifacts/${within}`,
      file,
    ])
    return file
  })
}

/** Fetches the artifact of a commit into a folder, and resolves to the path of a tarball, or of a folder to pack. */
type Fetch = (context: PluginContext, commit: string, into: string) => Promise<string>

/** A build of a revision, which is checked out for its version: the version files of the working copy may be those of another. */
function fromCi(
  name: string,
  { ref, fetch, version }: Revision,
  shown: Readonly<Record<string, unknown>>,
  fetchArtifact: Fetch,
): Plugin<BuildSource> {
  const inner: Plugin<BuildSource> = {
    name,
    kind: 'build',
    create: context => ({
      async build() {
        const { app, folder, dryRun, log, revisionVersion } = context
        const found = await versionOf(folder, version, revisionVersion)
        const into = join(folder, '.switchyard-artifact')
        if (dryRun) {
          log(`would fetch the artifact from ${name}`)
          return { path: join(into, 'artifact.tar.gz'), version: found, sha256: DRY_RUN_SHA256 }
        }
        const commit = (await ask(context, ['git', 'rev-parse', 'HEAD'])).trim()
        await mkdir(into)
        const path = await resolveArtifactPath(await fetchArtifact(context, commit, into))
        context.signal.throwIfAborted()
        return artifactFrom(app, path, found, folder)
      },
    }),
  }
  const revision = { ...(ref !== undefined && { ref }), ...(fetch !== undefined && { fetch }) }
  const source = git({ ...revision, submodules: false, build: inner })
  return { ...source, name, settings: () => ({ ...shown, ref: ref ?? 'HEAD', fetch: fetch ?? false }) }
}

/**
 * Runs a command in the checkout and resolves to what it prints.
 *
 * @throws `BUILD_FAILED`, or the abort reason if the run was interrupted
 */
async function ask({ $, folder, signal }: PluginContext, command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await $({ cwd: folder, nothrow: true })`${command}`
  signal.throwIfAborted()
  if (exitCode === 0) return stdout
  const [program = '', first = ''] = command[0] === 'bash' ? ['glab', 'api'] : command
  throw buildFaults.BUILD_FAILED({ command: `${program} ${first}`, code: exitCode, output: excerpt(stderr) })
}

/** The numbers of a field in a JSON list of objects. */
function numbersAt(
  field: string,
  answer: string,
  wanted: (entry: Readonly<Record<string, unknown>>) => boolean = () => true,
): number[] {
  try {
    const entries = JSON.parse(answer) as readonly Readonly<Record<string, unknown>>[]
    return entries.filter(wanted).map(entry => {
      const value = entry[field]
      if (typeof value !== 'number') throw new TypeError(field)
      return value
    })
  } catch (error) {
    throw buildFaults.CI_UNREADABLE({ answer: answer.slice(0, 500) }, error)
  }
}
