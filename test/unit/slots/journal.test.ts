import { describe, expect, it } from 'vitest'
import { badness } from '../../../slots/journal/bad.ts'
import { historyTable } from '../../../slots/journal/history.ts'
import type { JournalEntry } from '../../../slots/model.ts'

const entry = (more: Partial<JournalEntry>): JournalEntry => ({
  at: '2026-11-22T20:55:41.123Z',
  by: 'ann@desk',
  where: 'desk',
  deploy: 'd',
  event: 'deploy',
  slot: 'green',
  release: '1-abc',
  result: 'done',
  ms: 3_200,
  ...more,
})
const sick = entry({ result: 'failed', why: 'SLOT_NOT_HEALTHY' })
const unproven = entry({ event: 'promote', result: 'failed', why: 'RELEASE_UNVERIFIED' })
const unmigrated = entry({ event: 'migrate', result: 'failed', why: 'MIGRATION_FAILED' })

describe('a release', () => {
  it.each([
    ['failed its health check', [entry({}), sick], sick],
    ['failed its promote', [entry({}), unproven], unproven],
    ['failed its migrations, healthy as it was before', [entry({}), unmigrated], unmigrated],
    ['failed, and only the undo of that is newer', [sick, entry({ result: 'undone' })], sick],
    ['failed, and its migrations work', [sick, entry({ event: 'migrate' })], sick],
    ['failed through the router, and is healthy by itself', [unproven, entry({}), entry({ event: 'check' })], unproven],
  ])('is bad when it %s', (_, entries, bad) => {
    expect(badness(entries, '1-abc')).toBe(bad)
  })

  it.each([
    ['nothing is known of it', []],
    ['a later deploy saw it healthy', [sick, entry({})]],
    ['a later check saw it healthy', [sick, entry({ event: 'check' })]],
    ['somebody promoted it all the same, and that went well', [unproven, entry({ event: 'promote' })]],
    ['its migrations work now', [unmigrated, entry({ event: 'migrate' })]],
    ['another release failed', [{ ...sick, release: '2-def' }]],
    ['the network failed, or a person stopped it', [entry({ result: 'failed', why: 'CONNECTION_LOST' })]],
    ...[
      ...['PROMOTE_UNVERIFIED', 'ROUTE_FAILED', 'NGINX_DOWN', 'NGINX_CONFIG_INVALID', 'NGINX_SWITCH_FAILED'],
      ...['COMMAND_FAILED', 'CONNECTION_LOST', 'RESTORE_UNVERIFIED', 'LOCK_LOST', 'INTERRUPTED', 'FAILED'],
    ].map((why): [string, JournalEntry[]] => [
      `the router, the host or the line was at fault: ${why}`,
      [entry({ event: 'promote', result: 'failed', why }), entry({ event: 'deploy', result: 'failed', why })],
    ]),
    [
      'it was down when somebody wanted to promote it',
      [entry({ event: 'promote', result: 'failed', why: 'SLOT_DOWN' })],
    ],
  ])('is not bad when %s', (_, entries) => {
    expect(badness(entries, '1-abc')).toBeUndefined()
  })
})

describe('the history', () => {
  it('is a table, with what failed and why', () => {
    const moved = entry({ event: 'promote', from: 'blue', revision: '0123456789abcdef' })
    expect(historyTable([moved, sick]).split('\n')).toEqual([
      'when                  what     slot           release  revision    result                    took   who       where',
      '2026-11-22 20:55:41Z  promote  blue -> green  1-abc    0123456789  done                      3.2 s  ann@desk  desk',
      '2026-11-22 20:55:41Z  deploy   green          1-abc    -           failed: SLOT_NOT_HEALTHY  3.2 s  ann@desk  desk',
    ])
  })

  it('says when there is none', () => {
    expect(historyTable([])).toBe('The journal is empty.')
  })
})
