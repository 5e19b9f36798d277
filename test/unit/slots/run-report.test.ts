import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RunReport, runPage } from '../../../slots/report/run.ts'
import { writeRunReport } from '../../../slots/report/write.ts'
import { PROMOTED } from '../../support/promote-report.ts'

const switched = { ...PROMOTED, measured: null, probes: [] }
const base: RunReport = {
  app: 'life',
  host: 'web-1',
  command: 'deploy',
  deploy: '20261122T223124Z-9b3f',
  by: 'mara@laptop',
  version: '0.1.1',
  release: '0.1.1-3fa9c21',
  slot: 'green',
  event: 'deploy',
  result: 'done',
  live: false,
  ms: 6_000,
  at: '2026-11-22T22:31:32.000Z',
  steps: [
    { title: 'Build the release', note: '0.1.1, sha256 3fa9c21', ok: true, ms: 1_000 },
    { title: 'Upload the release', note: undefined, ok: true, ms: 5_000 },
  ],
  switches: [],
}

describe('the report of a deploy', () => {
  it('shows its steps one after the other, with what they said', () => {
    const page = runPage(base)
    expect(page).toContain('Done: the release runs in green, which is not live.')
    expect(page).toContain('<th scope="row">Build the release<small class="note">0.1.1, sha256 3fa9c21</small></th>')
    expect(page).toContain('<span style="margin-left:16.67%;width:83.33%"></span></td><td class="took">5.0 s</td>')
    expect(page).not.toContain('undefined')
  })

  it('shows the switch, or that of each host', () => {
    expect(runPage({ ...base, live: true, switches: [switched] })).toContain('<h2>The switch from blue to green</h2>')
    const page = runPage({ ...base, live: true, switches: [switched, { ...switched, host: 'web-2' }] })
    expect(page).toContain('<h2>The switch from blue to green on web-2</h2>')
    expect(page).toContain('Done: green is live.')
  })

  it('shows which step failed, and why', () => {
    const [first] = base.steps
    const steps = [...(first ? [first] : []), { title: 'Check the host', note: undefined, ok: false, ms: 20 }]
    const error = { code: 'HOST_DISK_FULL', message: 'The disk is full.' }
    const page = runPage({ ...base, result: 'undone', error, steps })
    expect(page).toContain('<tr class="bad"><th scope="row">Check the host<small class="note">failed</small>')
    expect(page).toContain('was undone. The disk is full. [HOST_DISK_FULL]')
  })

  it('loads no resources, runs no scripts, and escapes all text', () => {
    expect(runPage({ ...base, switches: [switched] })).not.toMatch(/<script|<link|<img|url\(|@import|https?:/)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const foreign = `"'><img src=x><script>${text}`
        const steps = [{ title: foreign, note: foreign, ok: true, ms: 1 }]
        const page = runPage({ ...base, host: foreign, by: foreign, slot: foreign, version: foreign, steps })
        expect(page).not.toMatch(/<script|<img/)
      }),
      { numRuns: 30 },
    )
  })
})

it('a promote of one host has the report of its switch alone, and a deploy and several hosts that of the run', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'run-report-'))
  const path = join(folder, 'run.html')
  const written = async (run: RunReport) => {
    await writeRunReport(path, run)
    return JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'))
  }
  expect(await written({ ...base, event: 'promote', switches: [switched] })).toEqual(switched)
  expect(await written({ ...base, event: 'promote', switches: [switched, switched] })).toHaveProperty('switches.1')
  expect(await written({ ...base, switches: [switched] })).toMatchObject({
    event: 'deploy',
    steps: [{ ms: 1_000 }, {}],
  })
  expect(await written({ ...base, event: 'promote', result: 'failed' })).toMatchObject({
    switches: [],
    result: 'failed',
  })
  await rm(folder, { recursive: true })
})
