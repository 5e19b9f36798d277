import { expect, it } from 'vitest'
import { errorLines, timingLines } from '../../../runner/output/format.ts'
import { jsonRenderer } from '../../../runner/output/json.ts'
import { createSummary } from '../../../runner/output/summary.ts'

const result = {
  type: 'result',
  command: 'deploy',
  title: 'Deploy',
  ok: true,
  exitCode: 0,
  ms: 3_400,
  dryRun: false,
  undone: [],
  left: [],
} as const
const traffic = { roundTrips: 12, sent: 8_149, received: 812 }

it('the last lines of a failed step leave out those that its error has', () => {
  const summary = createSummary()
  for (const line of ['HEAD is 1a2b3c: change', 'npm error code EUSAGE', 'npm error'])
    summary.output({ type: 'output', step: 'build', line })
  const error = {
    type: 'error',
    step: 'build',
    during: 'run',
    code: 'BUILD_FAILED',
    exitCode: 1,
    message: '',
    hint: '',
  } as const
  expect(summary.tailOf({ ...error, detail: 'npm error code EUSAGE\n  npm error' })).toEqual([
    '  | HEAD is 1a2b3c: change',
  ])
  expect(summary.tailOf(error)).toHaveLength(3)
})

it('timingLines() prints nothing without --timings', () => {
  expect(timingLines({ ...result, traffic })).toEqual([])
})

it('timingLines() prints only times without a network', () => {
  const timings = [{ step: 'build', title: 'Build it', ms: 3_400 }]
  expect(timingLines({ ...result, timings })).toEqual(['  Build it       3.4 s', '  all            3.4 s'])
})

it('timingLines() prints the traffic of each step, and a dash for none', () => {
  const timings = [
    { step: 'build', title: 'Build it', ms: 100 },
    { step: 'look', title: 'Look', ms: 200, traffic: { roundTrips: 0, sent: 0, received: 0 } },
    { step: 'upload', title: 'Upload', ms: 3_100, traffic },
  ]
  const lines = timingLines({ ...result, timings, traffic: { roundTrips: 20, sent: 12_300_000, received: 1_000 } })
  expect(lines).toEqual([
    '                  time  round trips          up        down',
    '  Build it       0.1 s            -           -           -',
    '  Look           0.2 s            -           -           -',
    '  Upload         3.1 s           12      8.1 kB       812 B',
    '  all            3.4 s           20     12.3 MB      1.0 kB',
  ])
})

it('an error names `explain` only if that tells more, and not in JSON', () => {
  const error = {
    type: 'error',
    during: 'run',
    code: 'LOST',
    exitCode: 1,
    message: 'It is lost.',
    hint: 'Look.',
  } as const
  expect(errorLines(error, false)).toEqual(['error: It is lost. [LOST]', '  next: Look.'])
  const explained = { ...error, explained: true } as const
  expect(errorLines(explained, false)).toEqual([...errorLines(error, false), '  more: npx task explain LOST'])
  const lines: string[] = []
  jsonRenderer({ out: text => lines.push(text), err: () => undefined }).handle(explained)
  expect(JSON.parse(lines.join(''))).toEqual({ ...error, at: expect.any(String) })
})
