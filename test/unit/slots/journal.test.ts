import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { badness } from '../../../slots/journal/bad.ts'
import { fleetHistoryTable, historyTable, mergedHistory } from '../../../slots/journal/history.ts'
import { readJournal } from '../../../slots/journal/journal.ts'
import { layout } from '../../../slots/layout.ts'
import type { JournalEntry } from '../../../slots/model.ts'

const exec = promisify(execFile)

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
const unhealthy = entry({ result: 'failed', why: 'SLOT_NOT_HEALTHY' })
const unverified = entry({ event: 'promote', result: 'failed', why: 'RELEASE_UNVERIFIED' })
const unmigrated = entry({ event: 'migrate', result: 'failed', why: 'MIGRATION_FAILED' })

describe('a release', () => {
  it.each([
    ['failed its health check', [entry({}), unhealthy], unhealthy],
    ['failed its promote', [entry({}), unverified], unverified],
    ['failed its migrations after a healthy deploy', [entry({}), unmigrated], unmigrated],
    ['failed, and only its undo is newer', [unhealthy, entry({ result: 'undone' })], unhealthy],
    ['failed, although its migrations worked', [unhealthy, entry({ event: 'migrate' })], unhealthy],
    [
      'failed behind the router, although it is healthy itself',
      [unverified, entry({}), entry({ event: 'check' })],
      unverified,
    ],
  ])('is bad when it %s', (_, entries, bad) => {
    expect(badness(entries, '1-abc')).toBe(bad)
  })

  it.each([
    ['the journal is empty', []],
    ['a later deploy found it healthy', [unhealthy, entry({})]],
    ['a later check found it healthy', [unhealthy, entry({ event: 'check' })]],
    ['a later promote of it succeeded', [unverified, entry({ event: 'promote' })]],
    ['a later migration succeeded', [unmigrated, entry({ event: 'migrate' })]],
    ['another release failed', [{ ...unhealthy, release: '2-def' }]],
    ['the connection was lost', [entry({ result: 'failed', why: 'CONNECTION_LOST' })]],
    ...[
      ...['PROMOTE_UNVERIFIED', 'ROUTE_FAILED', 'NGINX_DOWN', 'NGINX_CONFIG_INVALID', 'NGINX_SWITCH_FAILED'],
      ...['COMMAND_FAILED', 'CONNECTION_LOST', 'RESTORE_UNVERIFIED', 'LOCK_LOST', 'INTERRUPTED', 'FAILED'],
    ].map((why): [string, JournalEntry[]] => [
      `the router, the host or the connection failed: ${why}`,
      [entry({ event: 'promote', result: 'failed', why }), entry({ event: 'deploy', result: 'failed', why })],
    ]),
    ['it was down at the time of a promote', [entry({ event: 'promote', result: 'failed', why: 'SLOT_DOWN' })]],
  ])('is not bad when %s', (_, entries) => {
    expect(badness(entries, '1-abc')).toBeUndefined()
  })
})

describe('the journal', () => {
  it('is read from its end, or since a moment, without the lines that are not whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-journal-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const lines = ['08:00:00.000', '09:00:00.500', '10:00:00.000'].map(time =>
      JSON.stringify(entry({ at: `2026-11-22T${time}Z` })),
    )
    const at = layout(folder, [])
    await writeFile(at.journal, [...lines, '{"at":"2026-11-22T11:0'].join('\n'))
    const read = async (...args: [newest?: number, since?: Date]) => {
      const { script, read } = readJournal(at, ...args)
      const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${script.text}`])
      const entries = await read({ code: 0, stdout, stderr: '' }, { name: 'web-1', query: () => expect.fail() })
      return entries.map(({ at }) => at.slice(11, 13))
    }
    expect(await read()).toEqual(['08', '09', '10'])
    expect(await read(2)).toEqual(['10'])
    expect(await read(undefined, new Date('2026-11-22T09:00:00.500Z'))).toEqual(['09', '10'])
    expect(await read(undefined, new Date('2026-11-22T09:00:00.501Z'))).toEqual(['10'])
    expect(await read(undefined, new Date('2026-11-23T00:00:00Z'))).toEqual([])
  })
})

describe('the history table', () => {
  it('shows promotes, and failures with their code', () => {
    const promoted = entry({ event: 'promote', from: 'blue', revision: '0123456789abcdef' })
    expect(historyTable([promoted, unhealthy]).split('\n')).toEqual([
      'when                  what     slot           release  revision    result                    took   who       where',
      '2026-11-22 20:55:41Z  promote  blue -> green  1-abc    0123456789  done                      3.2 s  ann@desk  desk',
      '2026-11-22 20:55:41Z  deploy   green          1-abc    -           failed: SLOT_NOT_HEALTHY  3.2 s  ann@desk  desk',
    ])
  })

  it('shows the destination once an entry has one', () => {
    const lines = historyTable([entry({}), entry({ destination: 'staging' })]).split('\n')
    expect(lines.map(line => line.slice(22, 44))).toEqual([
      'destination  what    s',
      '-            deploy  g',
      'staging      deploy  g',
    ])
  })

  it('says so when the journal is empty', () => {
    expect(historyTable([])).toBe('The journal is empty.')
  })
})

describe('the history of several hosts', () => {
  const at = (time: string) => `2026-11-22T20:55:${time}Z`
  const of = (host: string, ...entries: JournalEntry[]) => ({ host, value: entries })
  const one = entry({ at: at('10.000'), deploy: 'one' })
  const two = entry({ at: at('20.000'), deploy: 'two' })
  const HOSTS = ['web-1', 'web-2', 'web-3']

  it('has what a run did on several hosts once, with the first time and the slowest duration', () => {
    const merged = mergedHistory(
      [of('web-1', one, two), of('web-2', { ...one, at: at('09.000'), ms: 9_000 }, two), of('web-3', two)],
      20,
    )
    expect(merged).toMatchObject([
      { deploy: 'one', at: at('09.000'), ms: 9_000, hosts: ['web-1', 'web-2'] },
      { deploy: 'two', hosts: HOSTS },
    ])
    expect(mergedHistory([of('web-1', one, two)], 1)).toMatchObject([{ deploy: 'two' }])
  })

  it('sums the requests that each host has sent around a promote', () => {
    const promote = (sent: number, failed: number, slowest: number) =>
      entry({ event: 'promote', figures: { sent, failed, slowest } })
    const merged = mergedHistory([of('web-1', promote(40, 0, 12)), of('web-2', promote(41, 2, 90))], 20)
    expect(merged).toMatchObject([{ hosts: ['web-1', 'web-2'], figures: { sent: 81, failed: 2, slowest: 90 } }])
    // Behind a balancer one host alone sends them.
    const [behind] = mergedHistory([of('web-1', promote(40, 0, 12)), of('web-2', entry({ event: 'promote' }))])
    expect(behind?.figures).toEqual({ sent: 40, failed: 0, slowest: 12 })
  })

  it('keeps what differs apart, and what one host did twice', () => {
    const failed = { ...one, result: 'failed', why: 'SLOT_DOWN' } as const
    expect(mergedHistory([of('web-1', one), of('web-2', failed)], 20)).toHaveLength(2)
    expect(mergedHistory([of('web-1', one, one), of('web-2', one)], 20).map(({ hosts }) => hosts)).toEqual([
      ['web-1', 'web-2'],
      ['web-1'],
    ])
  })

  it('names the hosts only where a row is not of all', () => {
    const table = (...all: Parameters<typeof mergedHistory>[0]) => fleetHistoryTable(mergedHistory(all, 20), HOSTS, [])
    expect(table(of('web-1', one), of('web-2', one), of('web-3', one))).not.toContain('web-1')
    expect(table(of('web-1', one, two), of('web-2', one, two), of('web-3', two))).toMatch(
      /host +what[\s\S]*all but web-3 +deploy[\s\S]*all +deploy/,
    )
    expect(table(of('web-1', one), of('web-2'), of('web-3', two))).toMatch(/web-1 +deploy[\s\S]*web-3 +deploy/)
  })
})
