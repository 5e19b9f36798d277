/** Reads the git repository of a folder on this machine. */
import { runDetached } from '../../runner/detached.ts'
import { gitFaults } from './faults.ts'

export interface Commit {
  /** The full hash. */
  readonly revision: string
  /** ISO 8601, with the offset of its author. */
  readonly at: string
  readonly by: string
  readonly subject: string
}

/** How two revisions are related. */
export interface Distance {
  /** Commits that only the second one has. */
  readonly ahead: number
  /** Commits that only the first one has. */
  readonly behind: number
}

/** A revision as `revisionOf` of a build source makes it: a commit, perhaps with uncommitted changes. */
const REVISION = /^([0-9a-f]{7,64})(-dirty)?$/

/** The commit of a recorded revision, which may come from any build source; undefined if it is none of git's. */
export const commitIn = (revision: string): string | undefined => REVISION.exec(revision)?.[1]

const git = (folder: string, ...args: readonly string[]) => runDetached(['git', '-C', folder, ...args])

/** @throws GIT_UNUSABLE if the folder is in no repository, or git is not installed */
export async function assertRepository(folder: string): Promise<void> {
  const { code, stderr } = await git(folder, 'rev-parse', '--git-dir')
  if (code === 0) return
  const reason = code === 127 ? 'git is not installed' : (stderr.trim().split('\n')[0] ?? '').replace(/^fatal: /, '')
  throw gitFaults.GIT_UNUSABLE({ folder, reason })
}

/** The hash of the commit that a name refers to; undefined if there is none in this repository. */
export async function resolveCommit(folder: string, name: string): Promise<string | undefined> {
  const { code, stdout } = await git(folder, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`)
  return code === 0 ? stdout.trim() : undefined
}

/** Undefined if this repository lacks one of the commits. */
export async function distance(folder: string, from: string, to: string): Promise<Distance | undefined> {
  const { code, stdout } = await git(
    folder,
    'rev-list',
    '--left-right',
    '--count',
    '--end-of-options',
    `${from}...${to}`,
  )
  const [, behind, ahead] = /^(\d+)\s+(\d+)\s*$/.exec(stdout) ?? []
  return code === 0 && behind !== undefined && ahead !== undefined
    ? { ahead: Number(ahead), behind: Number(behind) }
    : undefined
}

/** The commits that `to` has and `from` lacks, newest first. Both must exist. */
export async function commitsBetween(folder: string, from: string, to: string): Promise<readonly Commit[]> {
  const format = '--format=%H%x00%aI%x00%an%x00%s'
  const { stdout } = await git(folder, 'log', '--no-show-signature', format, '--end-of-options', `${from}..${to}`)
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [revision = '', at = '', by = '', subject = ''] = line.split('\0')
      return { revision, at, by, subject }
    })
}

/** The files of the folder that differ from the current commit, and new files and folders, relative to the repository. */
export async function changedFiles(folder: string): Promise<readonly string[]> {
  const { stdout } = await git(folder, 'status', '--porcelain', '-z', '--no-renames', '--', '.')
  return stdout.split('\0').flatMap(entry => (entry === '' ? [] : [entry.slice(3).replace(/\p{C}/gu, '?')]))
}
