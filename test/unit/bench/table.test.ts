import { expect, it } from 'vitest'
import type { Measured, Row } from '../../../bench/figures.ts'
import { table } from '../../../bench/table.ts'

const ours: Measured = { who: '`task deploy`', unit: 'KB', samples: [6_657.4, 80.2, 99] }
const row: Row = {
  work: 'bytes on the wire',
  figures: [ours, { who: 'rsync', why: 'not installed' }],
  goal: { of: ours, limit: 100 },
}

it('the table has one line per figure, with the work on the first and the verdict beside its figure', () => {
  expect(table([row])).toBe(
    [
      '| work | who | minimum | median | maximum | goal | met |',
      '| --- | --- | ---: | ---: | ---: | --- | --- |',
      '| bytes on the wire | `task deploy` | 80 KB | 99 KB | 6,657 KB | <= 100 KB | yes |',
      '|  | rsync | not installed |  |  |  |  |',
    ].join('\n'),
  )
})

it('the table prints a missed goal in bold', () => {
  expect(table([{ ...row, goal: { of: ours, limit: 90 } }])).toContain('| <= 90 KB | **no** |')
})

it('the table shows fractions of ratios and round trips, and groups thousands only before the decimal point', () => {
  const figures: Measured[] = [
    { who: 'a', unit: 'x', samples: [1.234] },
    { who: 'b', unit: 'round trips', samples: [12.96] },
    { who: 'c', unit: 'MB', samples: [1234.5678] },
  ]
  const shown = table([{ work: 'all', figures }])
  expect(shown).toContain('| 1.23 x |')
  expect(shown).toContain('| 13.0 |')
  expect(shown).toContain('| 1,234.6 MB |')
})
