import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Slot } from '../../../slots/contracts.ts'
import { assertRepository, resolveCommit } from '../../../slots/git/git.ts'
import { type Pending, pendingNote, pendingOf, pendingText, sinceLive } from '../../../slots/git/pending.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const run = promisify(execFile)
const blue: Slot = { name: 'blue', port: 4000, env: {} }
const recordOf = (revision: string | null) =>
  ({ slot: 'blue', release: { name: '1.0.0-3fa9c21' }, revision }) as Partial<SlotRecord> as SlotRecord

let folder: string
const git = async (...args: string[]) => (await run('git', ['-C', folder, ...args])).stdout.trim()
/** Makes a commit that changes a file, and returns its hash. */
async function commit(subject: string, author = 'Ada'): Promise<string> {
  await writeFile(join(folder, 'file'), subject)
  await git('add', '.')
  await git(
    '-c',
    `user.name=${author}`,
    '-c',
    'user.email=a@example.org',
    '-c',
    'commit.gpgsign=false',
    'commit',
    '-qm',
    subject,
  )
  return git('rev-parse', 'HEAD')
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-pending-'))
  await git('init', '-q', '-b', 'main')
})
afterEach(() => rm(folder, { recursive: true }))

describe('the commits since the live release', () => {
  it('are listed newest first, with author and subject', async () => {
    const live = await commit('first')
    const second = await commit('second')
    const third = await commit('the "third"', 'Grace Hopper')
    const found = await pendingOf(folder, third, blue, recordOf(live))
    expect(found).toMatchObject({
      live: { slot: 'blue', release: '1.0.0-3fa9c21', revision: live },
      revision: third,
      relation: 'ahead',
      commits: [
        { revision: third, by: 'Grace Hopper', subject: 'the "third"' },
        { revision: second, by: 'Ada', subject: 'second' },
      ],
      missing: [],
      uncommitted: false,
    })
    expect(pendingNote(found)).toBe('2 commits')
    const [head, columns, ...rows] = pendingText(found).split('\n')
    expect(head).toBe(`2 commits are new since the live release 1.0.0-3fa9c21 in blue (${live.slice(0, 10)}):`)
    expect(columns).toMatch(/^commit +when +by +what$/)
    expect(rows[0]).toMatch(
      new RegExp(`^${third.slice(0, 10)}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ  Grace Hopper  the "third"$`),
    )
  })

  it('are none when the live release is of the same commit, also when it was built with uncommitted changes', async () => {
    const live = await commit('first')
    for (const revision of [live, `${live}-dirty`]) {
      const found = await pendingOf(folder, live, blue, recordOf(revision))
      expect(found).toMatchObject({ relation: 'same', commits: [], missing: [] })
      expect(pendingNote(found)).toBe('none')
      expect(pendingText(found)).toContain('Nothing is new')
      expect(pendingText(found).includes('built with uncommitted changes')).toBe(revision.endsWith('-dirty'))
    }
  })

  it('come with those that only the live release has, when it is ahead or has diverged', async () => {
    const base = await commit('base')
    await git('checkout', '-q', '-b', 'hotfix')
    const hotfix = await commit('hotfix')
    const behind = await pendingOf(folder, base, blue, recordOf(hotfix))
    expect(behind).toMatchObject({ relation: 'behind', commits: [], missing: [{ subject: 'hotfix' }] })
    expect(pendingNote(behind)).toBe('none; the live release has 1 commit more')
    expect(pendingText(behind)).toContain('a deploy would take it away:')
    await git('checkout', '-q', 'main')
    const feature = await commit('feature')
    const diverged = await pendingOf(folder, feature, blue, recordOf(hotfix))
    expect(diverged).toMatchObject({
      relation: 'diverged',
      commits: [{ subject: 'feature' }],
      missing: [{ subject: 'hotfix' }],
    })
    expect(pendingNote(diverged)).toBe('1 commit; the live release has 1 commit of its own')
  })

  it('are all of them when no slot is live yet', async () => {
    const found: Pending = await pendingOf(folder, await commit('first'), undefined, undefined)
    expect(found).toMatchObject({ live: null, relation: 'first' })
    expect([pendingNote(found), pendingText(found)]).toEqual([
      'nothing is live yet',
      'No slot is live yet: every commit is new.',
    ])
  })

  it('come with a remark about uncommitted changes, tracked or new', async () => {
    const live = await commit('first')
    await writeFile(join(folder, 'new'), '')
    const found = await pendingOf(folder, live, blue, recordOf(live))
    expect(found.uncommitted).toBe(true)
    expect(pendingText(found)).toContain('The working copy has uncommitted changes besides.')
  })

  it('are unknown, with the way out, when the live release has no revision, one of another kind, or one that is not here', async () => {
    const head = await commit('first')
    const of = (revision: string | null) => faultOf(pendingOf(folder, head, blue, recordOf(revision)))
    expect(await of(null)).toMatchObject({ code: 'LIVE_REVISION_UNKNOWN', exitCode: 1 })
    for (const odd of ['r1234', '--output=/tmp/x', 'main', ''])
      expect((await of(odd)).message).toContain(`has the revision "${odd}", which is no commit of git`)
    const missing = await of('0123456789abcdef0123456789abcdef01234567')
    expect(missing).toMatchObject({ code: 'LIVE_REVISION_MISSING', hint: expect.stringContaining('git fetch') })
    expect(missing.message).toContain('0123456789 of the live release 1.0.0-3fa9c21 in blue')
  })

  it('can be those of a subject that a terminal must not interpret', async () => {
    const live = await commit('first')
    const next = await commit('\u001b[31mred\u001b[0m')
    expect(pendingText(await pendingOf(folder, next, blue, recordOf(live)))).not.toContain('\u001b')
  })
})

describe('what a deploy says about the live release', () => {
  it('counts the commits in both directions, and says nothing when there is nothing to say', async () => {
    const base = await commit('base')
    const next = await commit('next')
    const last = await commit('last')
    const say = (revision: string | undefined, live: string | null) => sinceLive(folder, revision, recordOf(live))
    expect(await say(next, base)).toBe('1 commit since the live release')
    expect(await say(`${last}-dirty`, base)).toBe('2 commits since the live release')
    expect(await say(base, last)).toBe('the live release has 2 commits more')
    expect(await say(base, base)).toBeUndefined()
    await git('checkout', '-q', base)
    expect(await say(await commit('other'), last)).toBe(
      '1 commit since the live release, which has 2 commits of its own',
    )
    for (const unknown of ['0'.repeat(40), 'r12', null]) expect(await say(next, unknown)).toBeUndefined()
    expect(await say(undefined, base)).toBeUndefined()
    expect(await sinceLive(folder, next, undefined)).toBeUndefined()
  })

  it('is nothing outside of a repository', async () => {
    const [a, b] = [await commit('a'), await commit('b')]
    const outside = await mkdtemp(join(tmpdir(), 'switchyard-outside-'))
    expect(await sinceLive(outside, b, recordOf(a))).toBeUndefined()
    await rm(outside, { recursive: true })
  })
})

describe('the repository', () => {
  it('is refused, with the reason, when the folder is in none', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'switchyard-outside-'))
    const fault = await faultOf(assertRepository(outside))
    expect(fault).toMatchObject({ code: 'GIT_UNUSABLE', exitCode: 2 })
    expect(fault.message).toContain('not a git repository')
    await rm(outside, { recursive: true })
    await mkdir(join(folder, 'deep'))
    await assertRepository(join(folder, 'deep'))
  })

  it('resolves branches, tags and abbreviated hashes, and no options or missing names', async () => {
    const head = await commit('first')
    await git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'tag', '-a', 'v1', '-m', 'one')
    for (const name of ['main', 'HEAD', 'v1', head.slice(0, 8)]) expect(await resolveCommit(folder, name)).toBe(head)
    for (const name of ['none', '--all', '', 'v1:file']) expect(await resolveCommit(folder, name)).toBeUndefined()
  })
})
