/** F79: tables fit the width of the terminal. */

import { describe, expect, it } from 'vitest'
import { timingLines } from '../../../runner/output/format.ts'
import { bold } from '../../../runner/output/plain-text.ts'
import { table, wrapped } from '../../../runner/output/table.ts'
import { type ComparedSlot, comparedTable } from '../../../slots/environment/compare.ts'
import type { Serving } from '../../../slots/fleet/serving.ts'
import { fleetTable } from '../../../slots/fleet/status.ts'
import { type Pending, pendingText } from '../../../slots/git/pending.ts'
import { fleetHistoryTable, historyTable } from '../../../slots/journal/history.ts'
import type { Detached } from '../../../slots/migration/detached.ts'
import type { Check } from '../../../slots/model.ts'
import { checkTable } from '../../../slots/preflight/checks.ts'
import { type Status, statusTable } from '../../../slots/status/status.ts'
import { type Listed, releasesTable } from '../../../slots/upload/listed.ts'
import { type SwarmStatus, swarmTable } from '../../../swarm/status.ts'

const slot = (name: string, live: boolean) => ({
  slot: name,
  live,
  release: '2026.11.25-rc1-3fa9c21',
  state: 'running' as const,
  pid: 4_194_303,
  uptime: 100_000,
  health: 'healthy' as const,
  connections: 123,
})
const status: Status = {
  host: 'web-1',
  live: 'blue',
  generation: null,
  agreed: true,
  readings: { router: 'blue', 'public answer': 'blue', records: 'blue' },
  slots: [slot('blue', true), slot('green', false)],
  migration: null,
} as Status
const migration: Detached = {
  slot: 'green',
  deploy: '20261125T120000Z-3fa9',
  kind: 'migrate-2026.11.25-rc1-3fa9c21',
  by: 'anna@laptop.example',
  since: '2026-11-25T12:00:00.000Z',
  state: 1,
}
const closed = { by: 'anna@laptop.example', since: '2026-11-25T12:00:00.000Z', reason: 'new disks\nerror: none' }
const maintenance = {
  by: 'anna@laptop.example',
  since: '2026-11-25T12:00:00.000Z',
  message: 'New disks.',
  allow: ['10.0.0.0/8', '2001:db8::/32'],
  retryAfter: 120,
}
const checks: Check[] = [
  { name: 'router', result: 'ok', message: 'it is running, and its configuration is valid', hint: null },
  {
    name: 'sudo',
    result: 'fail',
    message: '`sudo -n /usr/bin/systemctl start life@blue.service` is refused to deploy, and 7 more',
    hint: 'Run `npx task setup`, or add to a file in /etc/sudoers.d: deploy ALL=(root) NOPASSWD: /usr/bin/systemctl start life@blue.service',
  },
]
const entry = {
  at: '2026-11-25T12:00:00.000Z',
  by: 'anna',
  where: 'laptop.example',
  deploy: '20261125T120000Z-3fa9',
  ms: 61_234,
  event: 'promote' as const,
  slot: 'green',
  from: 'blue',
  release: '2026.11.25-rc1-3fa9c21',
  revision: '0123456789abcdef',
  result: 'failed' as const,
  why: 'PROMOTE_UNVERIFIED',
}

const HOSTS = ['web-1.eu.example.com', 'web-2.eu.example.com']
const serving: Serving = { slot: 'blue', release: { name: '2026.11.25-rc1-3fa9c21', sha256: '3fa9c21' } }
const release: Listed = {
  name: '2026.11.25-rc1-3fa9c21',
  version: '2026.11.25-rc1',
  sha256: '3fa9c21',
  revision: '0123456789abcdef',
  by: 'anna@laptop.example',
  at: '2026-11-25T12:00:00.000Z',
  slots: ['blue'],
}
const commit = {
  revision: '0123456789abcdef',
  at: '2026-11-25T12:00:00Z',
  by: 'Anna Example',
  subject: 'feat(board): the score is kept when the page is loaded again',
}
const pending: Pending = {
  live: { slot: 'blue', release: '2026.11.25-rc1-3fa9c21', revision: '0123456789abcdef-dirty' },
  revision: 'fedcba9876543210',
  relation: 'diverged',
  commits: [commit, commit],
  missing: [commit],
  uncommitted: true,
}
const compared: ComparedSlot[] = [
  {
    slot: 'blue',
    file: 'compared',
    variables: [
      { name: 'DATABASE_CONNECTION_POOL_SIZE_OF_THE_APPLICATION', change: 'changed' },
      { name: 'PORT', change: 'same' },
    ],
  },
  { slot: 'green', file: 'edited', variables: [] },
]
const traffic = { roundTrips: 3, sent: 1_234_567, received: 12_345 }
const timed = {
  type: 'result' as const,
  command: 'deploy',
  title: 'Deploy',
  ok: true,
  exitCode: 0,
  ms: 61_234,
  dryRun: false,
  undone: [],
  left: [],
  traffic,
  timings: [{ step: 'start', title: 'Start the new release in the idle slot', ms: 61_234, traffic }],
}
const swarm: SwarmStatus = {
  manager: 'manager-1.eu.example.com',
  live: 'blue',
  generation: '12-20261125T120000Z-3fa9',
  agreed: false,
  moving: null,
  nodes: HOSTS.map(node => ({
    node,
    address: '203.0.113.7',
    role: 'manager',
    state: 'ready',
    route: { slot: 'green', generation: '11-20261125T120000Z-3fa9' },
    router: 'answers',
    reaches: 2,
  })),
  slots: [
    {
      slot: 'blue',
      live: true,
      release: '2026.11.25-rc1-3fa9c21',
      image: null,
      running: 2,
      replicas: 2,
      tasks: HOSTS.map(node => ({ node, state: 'running', since: '', error: null })),
    },
  ],
}

const tables: [string, (columns?: number) => string][] = [
  ['status', columns => statusTable(status, columns)],
  ['status without agreement', columns => statusTable({ ...status, agreed: false }, columns)],
  ['status with migrations that failed', columns => statusTable({ ...status, migration }, columns)],
  ['status of a closed host', columns => statusTable({ ...status, closed }, columns)],
  ['status during a maintenance', columns => statusTable({ ...status, maintenance }, columns)],
  ['doctor', columns => checkTable(checks, columns)],
  ['history', columns => historyTable([entry, { ...entry, result: 'done' }], columns)],
  ['history of several hosts', columns => fleetHistoryTable([{ ...entry, hosts: ['web-1'] }], HOSTS, [], columns)],
  [
    'status of several hosts',
    columns =>
      fleetTable(
        HOSTS.map(host => ({ host, value: { status, serving } })),
        columns,
      ),
  ],
  ['releases', columns => releasesTable([release, { ...release, by: null, at: null, slots: [] }], 'blue', columns)],
  ['pending', columns => pendingText(pending, columns)],
  ['env-diff', columns => comparedTable(compared, 'blue', columns)],
  ['--timings', columns => timingLines(timed, columns).join('\n')],
  ['status of a swarm', columns => swarmTable(swarm, columns)],
]

describe.each(tables)('F79 the table of %s', (_, make) => {
  it('fits 40 to 200 columns and keeps every word', () => {
    const words = make().split(/\s+/).filter(Boolean)
    for (let columns = 40; columns <= 200; columns++) {
      const text = make(columns)
      const widest = Math.max(...text.split('\n').map(line => line.length))
      expect(widest, `${columns} columns:\n${text}`).toBeLessThanOrEqual(columns)
      const pieces = text.replace(/\s+/g, '')
      expect(words.filter(word => !pieces.includes(word))).toEqual([])
    }
  })

  it('prints one line per row where that fits, or without a terminal', () => {
    const wide = make()
    expect(make(1_000)).toBe(wide)
    expect(wide).toMatch(/ {2}/)
  })
})

describe('the status table', () => {
  it('does not mention migrations that succeeded', () => {
    expect(statusTable({ ...status, migration: { ...migration, state: 0 } })).toBe(statusTable(status))
    expect(statusTable({ ...status, migration })).toContain('\n\nMigrations: those of ')
  })
})

describe('a table', () => {
  it('wraps its last column within that column', () => {
    const rows = [
      ['ok', 'one', 'a few words'],
      ['fail', 'another', 'many words that do not fit in what is left of the line'],
    ]
    expect(table(rows, { columns: 42 })).toBe(
      [
        'ok    one      a few words',
        'fail  another  many words that do not fit',
        '               in what is left of the line',
      ].join('\n'),
    )
    expect(table(rows, { columns: 30 })).toBe(
      [
        'ok  one',
        '  a few words',
        'fail  another',
        '  many words that do not fit',
        '  in what is left of the line',
      ].join('\n'),
    )
  })

  it('with a head prints each name beside its cell when the columns do not fit', () => {
    const rows = [
      ['blue', 'running'],
      ['green', 'stopped'],
    ]
    expect(table(rows, { head: ['slot', 'state'], columns: 14 })).toBe('slot   state\nblue   running\ngreen  stopped')
    expect(table(rows, { head: ['slot', 'what it does'], columns: 20 })).toBe(
      table(rows, { head: ['slot', 'what it does'] }),
    )
    expect(table(rows, { head: ['slot', 'state'], columns: 12 })).toBe(
      ['slot   blue', 'state  runni', '       ng', '', 'slot   green', 'state  stopp', '       ed'].join('\n'),
    )
  })

  it('changes how a cell looks and not where the next one begins, in each form', () => {
    const rows = [
      ['blue', 'one two three', 'x'],
      ['green', 'four', 'y'],
    ]
    const style = (cell: string, row: number, column: number) => (row === 0 && column === 1 ? bold(cell) : cell)
    const head = ['slot', 'text', 'end']
    const plain = table(rows, { head })
    expect(table(rows, { head, style })).toBe(plain.replace('one two three', bold('one two three')))
    const narrow = table(rows, { head, columns: 14 })
    expect(narrow).toContain('text  one two\n      three')
    expect(table(rows, { head, columns: 14, style })).toBe(
      narrow.replace('one two', bold('one two')).replace('three', bold('three')),
    )
  })

  it('puts foreign text on one line, escaped, and measures it as printed', () => {
    const reason = 'new\x1b[2J disks\x07\nerror: all is well [DONE]'
    const shown = 'new disks\\x07 error: all is well [DONE]'
    expect(wrapped(reason, undefined)).toEqual([shown])
    expect(table([['closed', reason]])).toBe(`closed  ${shown}`)
    expect(table([['web', reason]], { head: ['host', 'why'] })).toBe(`host  why\nweb   ${shown}`)
    for (const columns of [12, 24, 40])
      for (const text of [table([['closed', reason]], { columns }), wrapped(reason, columns).join('\n')]) {
        expect(text.split('\n').every(line => line.length <= columns)).toBe(true)
        expect(text.replace(/\s/g, '')).toContain('newdisks\\x07error:alliswell')
      }
  })

  it('splits a word only when it is longer than a line', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrapped('abcdefghij kl', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl'])
    expect(wrapped('', 4, '  ')).toEqual(['  '])
  })
})
