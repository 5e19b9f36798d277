import { describe, expect, it } from 'vitest'
import type { Report } from '../../dev/load.ts'
import { controlled, type Measured, verdict } from '../../vagrant/summary.ts'

const load = (failed: number, endedBy: Report['endedBy'] = 'stop'): Measured => ({
  report: {
    sent: 100,
    failed,
    ok: 100 - failed,
    drops: [],
    endedBy,
    startedAt: 0,
    endedAt: 1,
    kinds: {} as Report['kinds'],
  },
  sockets: 0,
  took: 1,
})

describe('the end of a rehearsal', () => {
  it('tells whether a request was lost through any node', () => {
    expect(verdict([load(0), load(0)])).toEqual({ lost: false, sentence: 'Nothing was lost: 0 requests failed.' })
    expect(verdict([load(0), load(1)])).toEqual({ lost: true, sentence: 'Requests were lost.' })
  })

  it('fails if a load has ended by itself, because nobody knows what came after it', () => {
    expect(verdict([load(0), load(0, 'time')])).toEqual({
      lost: true,
      sentence: expect.stringContaining('proves nothing'),
    })
  })

  it('needs a control that the load has seen lose requests', () => {
    expect(controlled('all tasks ended', [load(0), load(7)])).toEqual({
      seen: true,
      sentence: 'Control, all tasks ended: 200 requests sent, 7 failed, so the load sees what is lost.',
    })
    expect(controlled('all tasks ended', [load(0), load(0)])).toMatchObject({ seen: false })
  })
})
