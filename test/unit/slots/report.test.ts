import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PromoteReport } from '../../../slots/promote/report/data.ts'
import { jobSummary, jobSummaryPath, writeJobSummary } from '../../../slots/promote/report/job-summary.ts'
import { reportPage } from '../../../slots/promote/report/page.ts'
import { esc } from '../../../slots/report/document.ts'
import { jsonBeside } from '../../../slots/report/write.ts'
import { PROMOTED } from '../../support/promote-report.ts'

const base: PromoteReport = {
  ...PROMOTED,
  measured: {
    sent: 3,
    failed: {},
    failures: 0,
    failedBefore: 0,
    failedBetween: 0,
    before: { sent: 1, failed: 0 },
    after: { sent: 1, failed: 0 },
    slowest: 4,
    firstNew: 13.4,
    lastOld: 8.1,
  },
  probes: [
    { kind: 'fresh', at: -20, took: 4, status: 200, by: 'old', problem: undefined },
    { kind: 'kept', at: 10, took: 2, status: 200, by: 'new', problem: undefined },
    { kind: 'route', at: 40, took: 1, status: 200, by: undefined, problem: undefined },
  ],
}
const shapes = (page: string, name: string) => page.match(new RegExp(`class="${name}"`, 'g'))?.length ?? 0

describe('the report page of a promote', () => {
  it('plots each response by latency and in its lane, in the colour of its slot', () => {
    const page = reportPage(base)
    for (const slot of ['blue', 'green', 'unknown']) {
      expect(shapes(page, `dot ${slot}`)).toBe(1)
      expect(shapes(page, `tick ${slot}`)).toBe(1)
    }
    expect(page).toContain('<title>new connections: 200 by blue, sent at -20 ms, took 4.0 ms</title>')
    expect(page).toContain('The traffic moved.')
    expect(page).toContain('0.1.1-3fa9c21')
  })

  it('shows failed requests and the reason for the rollback', () => {
    const failed = { kind: 'kept', at: 60, took: 1, status: 502, by: undefined, problem: '502' } as const
    const page = reportPage({ ...base, problem: '1 of 4 failed.', probes: [...base.probes, failed] })
    expect(shapes(page, 'failed')).toBe(1)
    expect(shapes(page, 'tick failed')).toBe(1)
    expect(page).toContain('The traffic went back. 1 of 4 failed.')
  })

  it('explains why the traffic stays in spite of failures', () => {
    const stays = 'blue failed 9 of 9 requests, so the traffic stays on green'
    expect(reportPage({ ...base, stays })).toContain(`The traffic moved. ${stays}.`)
    expect(reportPage({ ...base, problem: 'Not proven.', stays })).toContain(`The traffic moved. Not proven. ${stays}.`)
  })

  it('is complete without an old slot, versions or probes', () => {
    const page = reportPage({ ...base, from: null, measured: null, probes: [], returnedAt: null, steps: [] })
    expect(page).toContain('This promote was not probed.')
    expect(page).not.toContain('undefined')
    expect(page).not.toContain('NaN')
  })

  it('loads no resources and runs no scripts', () => {
    expect(reportPage(base)).not.toMatch(/<script|<link|<img|url\(|@import|https?:/)
  })

  it('escapes all text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const page = reportPage({ ...base, problem: `<script>${text}`, host: text, by: `"'><img src=x>${text}` })
        expect(page).not.toMatch(/<script|<img/)
        expect(esc(text)).not.toMatch(/[<>"']/)
      }),
      { numRuns: 30 },
    )
  })
})

it('the report data is written beside the page and never over it', () => {
  expect(jsonBeside('promote.html')).toBe('promote.json')
  expect(jsonBeside('/tmp/out/promote.html')).toBe('/tmp/out/promote.json')
  expect(jsonBeside('/tmp/out/promote')).toBe('/tmp/out/promote.json')
  expect(jsonBeside('promote.json')).toBe('promote.data.json')
})

describe('the summary of a CI job', () => {
  it('says what is live, who deployed it, and what the probes measured', () => {
    expect(jobSummary(base)).toBe(`### life on deploy@web-1: green is live

| | |
| --- | --- |
| release | 0.1.1-3fa9c21 |
| before | 0.1.0 in blue |
| by | mara@laptop |
| probes | 3, 0 failed |
| slowest answer | 4.0 ms |
| first answer of the new release | 13 ms |
| last answer of the old release | 8.1 ms |

`)
  })

  it('says that the traffic went back, without the error message', () => {
    const text = jobSummary({ ...base, destination: 'production', from: null, problem: 'secret', measured: null })
    expect(text).toContain(
      '### life on production (deploy@web-1): the promote of green failed, and the traffic went back',
    )
    expect(text).toContain('| before | no slot was live |')
    expect(text).not.toMatch(/secret|probes/)
    expect(jobSummary({ ...base, problem: 'x', stays: 'blue failed more' })).toContain('green is live')
  })

  it('is appended to the file of the runner, and nowhere else', async () => {
    expect(jobSummaryPath({})).toBeUndefined()
    expect(jobSummaryPath({ GITHUB_STEP_SUMMARY: '' })).toBeUndefined()
    const folder = await mkdtemp(join(tmpdir(), 'summary-'))
    const path = join(folder, 'page.md')
    await writeFile(path, 'before\n')
    await writeJobSummary(jobSummaryPath({ GITHUB_STEP_SUMMARY: path }) ?? '', base)
    expect(await readFile(path, 'utf8')).toBe(`before\n${jobSummary(base)}`)
    await expect(writeJobSummary(join(folder, 'no/page.md'), base)).rejects.toMatchObject({ code: 'REPORT_UNWRITABLE' })
    await rm(folder, { recursive: true })
  })
})
