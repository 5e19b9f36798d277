/** A promote as its report has it, without measurements. */
import type { PromoteReport } from '../../slots/promote/report/data.ts'

export const PROMOTED: Omit<PromoteReport, 'measured' | 'probes'> = {
  app: 'life',
  host: 'deploy@web-1',
  by: 'mara@laptop',
  at: '2026-11-22T22:31:32.000Z',
  generation: '20261122T223124Z-9b3f',
  from: { slot: 'blue', version: '0.1.0' },
  to: { slot: 'green', version: '0.1.1', release: '0.1.1-3fa9c21' },
  problem: null,
  stays: null,
  steps: [{ title: 'Tell the router', at: 0, took: 14 }],
  returnedAt: 12,
}
