/** Which commits are new since the live release. */
import { table, wrapped } from '../../runner/output/table.ts'
import { moment } from '../../runner/units.ts'
import type { Release, Slot } from '../contracts.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import { gitFaults } from './faults.ts'
import { type Commit, changedFiles, commitIn, commitsBetween, type Distance, distance } from './git.ts'

export interface Pending {
  /** The live release; null before the first promote. */
  readonly live: { readonly slot: string; readonly release: string; readonly revision: string } | null
  /** The commit that it is compared with. */
  readonly revision: string
  /**
   * How that commit relates to the live release: `same`, `ahead` (it has new commits), `behind` (the live release is newer) or `diverged` (each has commits
   * of its own); `first` if nothing is live.
   */
  readonly relation: 'same' | 'ahead' | 'behind' | 'diverged' | 'first'
  /** Those that the live release lacks, newest first. */
  readonly commits: readonly Commit[]
  /** Those that only the live release has. A deploy would take them away. */
  readonly missing: readonly Commit[]
  /** Whether the folder of the Taskfile has uncommitted changes. */
  readonly uncommitted: boolean
}

const relationOf = ({ ahead, behind }: Distance) =>
  ahead > 0 ? (behind > 0 ? 'diverged' : 'ahead') : behind > 0 ? 'behind' : 'same'

/**
 * @param folder the folder of the Taskfile, on this machine
 * @param revision a commit of its repository
 * @throws LIVE_REVISION_UNKNOWN, LIVE_REVISION_MISSING
 */
export async function pendingOf(
  folder: string,
  revision: string,
  live: Pick<Slot, 'name'> | undefined,
  record: { readonly release: Pick<Release, 'name'>; readonly revision: string | null } | undefined,
): Promise<Pending> {
  const uncommitted = (await changedFiles(folder)).length > 0
  if (live === undefined) return { live: null, revision, relation: 'first', commits: [], missing: [], uncommitted }
  const at = { slot: live.name, release: record?.release.name ?? 'unknown' }
  const recorded = record?.revision ?? null
  const commit = recorded === null ? undefined : commitIn(recorded)
  if (recorded === null || commit === undefined) throw gitFaults.LIVE_REVISION_UNKNOWN({ ...at, revision: recorded })
  const apart = await distance(folder, commit, revision)
  if (apart === undefined) throw gitFaults.LIVE_REVISION_MISSING({ ...at, revision: commit, folder })
  const [commits, missing] = await Promise.all([
    apart.ahead > 0 ? commitsBetween(folder, commit, revision) : [],
    apart.behind > 0 ? commitsBetween(folder, revision, commit) : [],
  ])
  return { live: { ...at, revision: recorded }, revision, relation: relationOf(apart), commits, missing, uncommitted }
}

/** `3 commits since the live release`, for a deploy; undefined if that is not known, or there is nothing to say. */
export async function sinceLive(
  folder: string,
  revision: string | undefined,
  record: SlotRecord | undefined,
): Promise<string | undefined> {
  const [from, to] = [record?.revision, revision].map(name => (name ? commitIn(name) : undefined))
  if (from === undefined || to === undefined || from === to) return undefined
  const apart = await distance(folder, from, to)
  if (apart === undefined) return undefined
  const { ahead, behind } = apart
  if (behind === 0) return ahead === 0 ? undefined : `${count(ahead)} since the live release`
  if (ahead === 0) return `the live release has ${count(behind)} more`
  return `${count(ahead)} since the live release, which has ${count(behind)} of its own`
}

const count = (commits: number): string => `${commits} commit${commits === 1 ? '' : 's'}`

const are = (commits: number): string => `${count(commits)} ${commits === 1 ? 'is' : 'are'}`

/** What `task pending` notes after its title. */
export const pendingNote = ({ relation, commits, missing }: Pending): string =>
  ({
    first: 'nothing is live yet',
    same: 'none',
    ahead: count(commits.length),
    behind: `none; the live release has ${count(missing.length)} more`,
    diverged: `${count(commits.length)}; the live release has ${count(missing.length)} of its own`,
  })[relation]

const HEAD = ['commit', 'when', 'by', 'what']

export function pendingText(pending: Pending, columns?: number): string {
  const { live, revision, relation, commits, missing, uncommitted } = pending
  if (live === null) return 'No slot is live yet: every commit is new.'
  const rows = (list: readonly Commit[]) =>
    table(
      list.map(({ revision, at, by, subject }) => [revision.slice(0, 10), day(at), by, subject]),
      { columns, head: HEAD },
    )
  const dirty = live.revision.endsWith('-dirty') ? ', built with uncommitted changes' : ''
  const release = `the live release ${live.release} in ${live.slot} (${live.revision.slice(0, 10)}${dirty})`
  const lines: string[] = []
  const say = (sentence: string) => lines.push(...wrapped(sentence, columns))
  if (relation === 'same') say(`Nothing is new: ${release} is of the commit ${revision.slice(0, 10)}.`)
  if (commits.length > 0) {
    say(`${are(commits.length)} new since ${release}:`)
    lines.push(rows(commits))
  }
  if (missing.length > 0) {
    const them = missing.length === 1 ? 'it' : 'them'
    say(
      `${capital(release)} has ${count(missing.length)} that ${revision.slice(0, 10)} lacks; a deploy would take ${them} away:`,
    )
    lines.push(rows(missing))
  }
  if (uncommitted) say('The working copy has uncommitted changes besides.')
  return lines.join('\n')
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The time of a commit in UTC. */
const day = (at: string): string => {
  const time = new Date(at)
  return Number.isNaN(time.getTime()) ? at : moment(time.toISOString())
}
