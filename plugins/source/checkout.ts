/** A revision of a git repository in a temporary folder, as a worktree of its own. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runDetached } from '../../runner/detached.ts'
import type { PluginContext } from '../../slots/contracts.ts'
import { storeFolder } from './artifact.ts'
import { buildFaults } from './faults.ts'
import { runInTask } from './process.ts'

/**
 * Nobody can answer a question about a password here; and a hook of the working copy, such as one that installs packages, is not for this one. The
 * environment may already configure git, with the token of a CI job for instance.
 */
function gitEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const count = Number(env.GIT_CONFIG_COUNT ?? 0)
  return {
    ...env,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: 'core.hooksPath',
    [`GIT_CONFIG_VALUE_${count}`]: '/dev/null',
  }
}

export const gitInTask = (context: PluginContext, args: readonly string[], cwd: string): Promise<void> =>
  runInTask(context, ['git', ...args], cwd, gitEnvironment(process.env))

/** The path of a folder in its repository: `` or `apps/web/`. */
export async function prefixOf(folder: string): Promise<string> {
  const { stdout } = await runDetached(['git', '-C', folder, 'rev-parse', '--show-prefix'])
  return stdout.replace(/\n$/, '')
}

/** The paths of a commit's submodules. */
export async function submodulesOf(folder: string, commit: string): Promise<readonly string[]> {
  const { stdout } = await runDetached(['git', '-C', folder, 'ls-tree', '-r', '-z', '--full-tree', commit])
  return stdout.split('\0').flatMap(line => /^160000 commit \S+\t(.*)$/s.exec(line)?.[1] ?? [])
}

/**
 * Calls a function with the folder of a commit, and removes the folder afterwards, also after a failure or an interruption. It is beside the application's
 * artifacts, so that one can be moved there with a rename.
 */
export async function withCheckout<T>(
  context: PluginContext,
  commit: string,
  submodules: boolean,
  use: (checkout: string, work: string) => Promise<T>,
): Promise<T> {
  const { app, folder } = context
  await mkdir(storeFolder(app), { recursive: true, mode: 0o700 })
  // Without links, as git shows it.
  const work = await realpath(await mkdtemp(join(storeFolder(app), '.git-')))
  const checkout = join(work, 'tree')
  try {
    await gitInTask(context, ['worktree', 'add', '--detach', checkout, commit], folder)
    if (submodules) await gitInTask(context, ['submodule', 'update', '--init', '--recursive'], checkout)
    return await use(checkout, work)
  } finally {
    // An interrupted `add` may leave it locked; `--force` twice removes it anyway. `prune` would also forget worktrees on a disk that is not mounted now.
    await runDetached(['git', '-C', folder, 'worktree', 'remove', '--force', '--force', checkout])
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * Calls a function with the files of a commit in a temporary folder, for a dry run: changes nothing in the repository.
 *
 * @throws BUILD_FAILED
 */
export async function withExtract<T>(
  folder: string,
  commit: string,
  use: (extract: string) => Promise<T>,
  place: string,
): Promise<T> {
  const extract = await mkdtemp(join(place, 'switchyard-dry-'))
  try {
    const script = 'git -C "$1" archive --format=tar "$2" | tar -x -f - -C "$3"'
    const top = (await runDetached(['git', '-C', folder, 'rev-parse', '--show-toplevel'])).stdout.replace(/\n$/, '')
    const { code, stderr } = await runDetached(['bash', '-euo', 'pipefail', '-c', script, 'bash', top, commit, extract])
    if (code !== 0) throw buildFaults.BUILD_FAILED({ command: 'git archive', code, output: stderr.trimEnd() })
    return await use(extract)
  } finally {
    await rm(extract, { recursive: true, force: true })
  }
}
