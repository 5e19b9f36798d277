/** The report of a promote in Chromium, on a phone and in dark mode. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PromoteReport } from '../../slots/promote/report/data.ts'
import { reportPage } from '../../slots/promote/report/page.ts'
import { findChromium } from '../support/chromium.ts'
import { PROMOTED } from '../support/promote-report.ts'

const REPORT: PromoteReport = {
  ...PROMOTED,
  measured: null,
  probes: [
    { kind: 'fresh', at: -200, took: 4, status: 200, by: 'old', problem: undefined },
    { kind: 'kept', at: 10, took: 20, status: 200, by: 'new', problem: undefined },
  ],
}

const found = await findChromium()
let folder: string
let browser: Browser | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-report-'))
  await writeFile(join(folder, 'promote.html'), reportPage(REPORT))
  if ('program' in found) browser = await chromium.launch({ executablePath: found.program, args: ['--no-sandbox'] })
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

it.each([
  ['a phone', 375, 'light'],
  ['a phone at night', 375, 'dark'],
  ['a desk', 1100, 'dark'],
] as const)('it can be read on %s', async (_, width, colorScheme) => {
  if (!browser) return expect.fail('missing' in found ? found.missing : '')
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme })
  await page.goto(pathToFileURL(join(folder, 'promote.html')).href)
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
})
