import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JournalEntry } from '../../../slots/model.ts'
import { countsOf, type HistoryReport, historyPage, historyReport } from '../../../slots/report/history.ts'
import { liveTimes } from '../../../slots/report/time-line.ts'
import { DAY } from '../../support/journal-entries.ts'

const base: HistoryReport = historyReport(
  { app: 'life', deploy: { by: 'ann@desk' } },
  { hosts: ['web-1'], since: new Date('2026-11-26T00:00:00Z'), entries: DAY },
  new Date('2026-11-26T18:00:00Z'),
)
const count = (page: string, part: string | RegExp) => page.split(part).length - 1

describe('the report of a day', () => {
  it('counts what was done, and the requests of all promotes that were probed', () => {
    expect(countsOf(DAY)).toEqual({
      deploys: 2,
      deploysFailed: 1,
      took: [6_000, 9_000],
      promotes: 3,
      rollbacks: 1,
      promotesFailed: 0,
      probed: 3,
      sent: 120,
      failed: 2,
      slowest: 310,
    })
    expect(historyPage(base)).toContain('2 deploys and 3 promotes (1 rollback) done, 1 failed.')
  })

  it('has a mark for each entry, and the times in which each slot was live', () => {
    const page = historyPage(base)
    expect(count(page, 'class="dot ')).toBe(6)
    expect(count(page, '<path class="failed"')).toBe(1)
    expect(count(page, 'class="dot hollow blue"')).toBe(1)
    expect(page).toContain('2026-11-26 15:05:00 UTC: rollback to green 0.1.1-3fa9c21, done, by ann@desk')
    expect(count(page, 'class="live green"')).toBe(2)
    expect(count(page, 'class="live blue"')).toBe(2)
    const end = Date.parse(base.at)
    expect(liveTimes(DAY, end).map(({ slot, from, until }) => [slot, from ?? 0, until])).toEqual([
      ['blue', 0, Date.parse('2026-11-26T08:01:00Z')],
      ['green', Date.parse('2026-11-26T08:01:00Z'), Date.parse('2026-11-26T15:00:20Z')],
      ['blue', Date.parse('2026-11-26T15:00:20Z'), Date.parse('2026-11-26T15:05:00Z')],
      ['green', Date.parse('2026-11-26T15:05:00Z'), end],
    ])
  })

  it('keeps every mark within the plot', () => {
    const xs = [...historyPage(base).matchAll(/ (?:c?x|x1)="([\d.-]+)"/g)].map(([, x]) => Number(x))
    expect(xs.length).toBeGreaterThan(10)
    for (const x of xs) expect(x).toBeGreaterThanOrEqual(80)
    for (const x of xs) expect(x).toBeLessThanOrEqual(940)
  })

  it('lists the newest first, with what the probes have measured, and marks what failed', () => {
    const rows = historyPage(base).split('<tbody>')[1]?.split('</tr>') ?? []
    expect(rows[0]).toContain('<td data-name="what"><span>rollback</span></td>')
    expect(rows[0]).toContain('<span>0 of 20 failed, slowest 9.0 ms</span>')
    expect(rows[1]).toContain('<td data-name="requests" class="bad"><span>2 of 60 failed, slowest 310 ms</span></td>')
    expect(rows[4]).toContain('<td data-name="result" class="bad"><span>failed: SLOT_NOT_HEALTHY</span></td>')
  })

  it('names the hosts, and the destination', () => {
    const entries = DAY.map((entry, i) => ({ ...entry, hosts: i === 0 ? ['web-1'] : ['web-1', 'web-2'] }))
    const page = historyPage({ ...base, destination: 'staging', hosts: ['web-1', 'web-2'], entries })
    expect(page).toContain('<td data-name="host"><span>web-1</span></td>')
    expect(page).toContain('<dd>web-1, web-2</dd>')
    expect(page).toContain('<dd>staging</dd>')
  })

  it('is complete without entries, or with one, of a slot of another name', () => {
    expect(historyPage({ ...base, entries: [] })).toContain('Nothing was done.')
    const one = { ...DAY[0], slot: 'a' } as JournalEntry
    const page = historyPage({ ...base, since: null, entries: [one] })
    expect(page).toContain('class="dot old"')
    expect(page).not.toMatch(/undefined|NaN|Infinity/)
  })

  it('loads no resources, runs no scripts, and escapes all text', () => {
    expect(historyPage(base)).not.toMatch(/<script|<link|<img|url\(|@import|https?:/)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const foreign = `"'><img src=x><script>${text}`
        const entry = {
          ...DAY[1],
          slot: foreign,
          release: foreign,
          by: foreign,
          where: foreign,
          why: foreign,
        } as JournalEntry
        const page = historyPage({ ...base, app: foreign, hosts: [foreign], entries: [...DAY, entry] })
        expect(page).not.toMatch(/<script|<img/)
      }),
      { numRuns: 30 },
    )
  })
})
