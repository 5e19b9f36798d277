/** The reports of a promote, of a deploy and of a day in Chromium, on a phone and in dark mode. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PromoteReport } from '../../slots/promote/report/data.ts'
import { reportPage } from '../../slots/promote/report/page.ts'
import { type HistoryReport, historyPage } from '../../slots/report/history.ts'
import { type RunReport, runPage } from '../../slots/report/run.ts'
import { findChromium } from '../support/chromium.ts'
import { DAY } from '../support/journal-entries.ts'
import { PROMOTED } from '../support/promote-report.ts'

const REPORT: PromoteReport = {
  ...PROMOTED,
  measured: null,
  probes: [
    { kind: 'fresh', at: -200, took: 4, status: 200, by: 'old', problem: undefined },
    { kind: 'kept', at: 10, took: 20, status: 200, by: 'new', problem: undefined },
  ],
}

const RUN: RunReport = {
  ...{ app: 'life', host: 'web-1', command: 'deploy', deploy: REPORT.generation, by: REPORT.by, at: REPORT.at },
  ...{
    version: '0.1.1',
    release: '0.1.1-3fa9c21',
    slot: 'green',
    event: 'deploy',
    result: 'done',
    live: true,
    ms: 6_000,
  },
  steps: [
    { title: 'Build the release', note: '0.1.1, sha256 3fa9c21', ok: true, ms: 1_000 },
    { title: 'Start the new release in the idle slot', note: '0.1.1-3fa9c21 in green', ok: true, ms: 5_000 },
  ],
  switches: [REPORT],
}
const HISTORY: HistoryReport = {
  ...{
    app: 'life',
    hosts: ['web-1'],
    by: REPORT.by,
    at: '2026-11-26T18:00:00.000Z',
    since: '2026-11-26T00:00:00.000Z',
  },
  entries: DAY,
}
const PAGES = { promote: reportPage(REPORT), deploy: runPage(RUN), day: historyPage(HISTORY) }

const found = await findChromium()
let folder: string
let browser: Browser | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-report-'))
  for (const [name, text] of Object.entries(PAGES)) await writeFile(join(folder, `${name}.html`), text)
  if ('program' in found) browser = await chromium.launch({ executablePath: found.program, args: ['--no-sandbox'] })
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

const SCREENS = [
  ['a phone', 375, 'light'],
  ['a phone at night', 375, 'dark'],
  ['a desk', 1100, 'dark'],
] as const

it.each(Object.keys(PAGES).flatMap(name => SCREENS.map(screen => [name, ...screen] as const)))(
  'that of a %s can be read on %s',
  async (name, _, width, colorScheme) => {
    if (!browser) return expect.fail('missing' in found ? found.missing : '')
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme })
    await page.goto(pathToFileURL(join(folder, `${name}.html`)).href)
    const seen = (await page.evaluate(`(() => {
    const label = document.querySelector('svg text.lane').getBoundingClientRect()
    const { backgroundColor } = getComputedStyle(document.body)
    return { label: label.height, wide: document.documentElement.scrollWidth, backgroundColor }
  })()`)) as { label: number; wide: number; backgroundColor: string }
    // The page itself does not scroll sideways; the plot does, instead of getting too small.
    expect(seen.wide).toBeLessThanOrEqual(width)
    expect(seen.label).toBeGreaterThan(9)
    const [red = 0] = seen.backgroundColor.match(/\d+/g)?.map(Number) ?? []
    if (colorScheme === 'dark') expect(red).toBeLessThan(64)
    else expect(red).toBeGreaterThan(192)
    await page.close()
  },
)
