/**
 * Two hundred promotes in an outage: the live slot is stopped, killed, crashing, frozen or answering 500, and the other slot serves. None of
 * them may be undone.
 *
 *     npm run test:outage
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { ILLS, type Ill, journal, liveSlot, mend, other, outageSite, sicken, statusOf } from '../support/outage.ts'

const PROMOTES = Number(process.env.OUTAGE_PROMOTES ?? 200)
const RESULTS = fileURLToPath(new URL('../../test-results/', import.meta.url))

interface Row {
  readonly ill: Ill
  readonly command: string
  readonly code: number
  /** Whether the public answer names the healthy slot afterwards. */
  readonly moved: boolean
  readonly seconds: number
  readonly line: string
}

let site: Site
beforeAll(async () => {
  site = await outageSite()
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it(`F52 none of ${PROMOTES} promotes in an outage is undone to the failing slot`, async () => {
  const rows: Row[] = []
  const failed: string[] = []
  for (let i = 0; i < PROMOTES; i += 1) {
    const ill = ILLS[i % ILLS.length] ?? 'stopped'
    const live = await liveSlot(site)
    const args = Math.floor(i / ILLS.length) % 2 === 0 ? ['rollback'] : ['promote', other(live)]
    await sicken(site, live, ill)
    const began = performance.now()
    const { code, stdout, stderr } = await site.task(...args)
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const moved = (await site.live()) === other(live) && (await statusOf(site, other(live))) === '200'
    const line = /^\d+ probes, .*$/m.exec(stdout)?.[0] ?? ''
    rows.push({ ill, command: args[0] ?? '', code, moved, seconds, line })
    if (code !== 0 || !moved) {
      failed.push(`${i}: ${args.join(' ')} out of ${ill}: ${stdout}${stderr}`)
      process.stdout.write(`${failed.at(-1)}\n`)
    }
    await mend(site, live)
    if (i % 20 === 19) process.stdout.write(`${i + 1} promotes, ${failed.length} failed\n`)
  }
  const undone = (await journal(site, 10_000)).filter(({ event, result }) => event === 'promote' && result !== 'done')
  const table = ILLS.map(ill => {
    const own = rows.filter(row => row.ill === ill)
    const moved = own.filter(row => row.moved && row.code === 0)
    const slowest = Math.max(...own.map(row => row.seconds))
    return `| ${ill} | ${own.length} | ${own.length - moved.length} | ${slowest} s |`
  })
  const text = [
    '| live slot | promotes | taken back or failed | slowest |',
    '| --- | --- | --- | --- |',
    ...table,
  ].join('\n')
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}outage.md`, `${text}\n`)
  await writeFile(`${RESULTS}outage.json`, `${JSON.stringify(rows, undefined, 2)}\n`)
  process.stdout.write(`\n${text}\nWritten to test-results/outage.md and outage.json\n`)
  expect(failed).toEqual([])
  expect(undone).toEqual([])
})
