import { describe, expect, it } from 'vitest'
import type { Report } from '../../dev/load.ts'
import { controlled, figuresOf, type Measured, summary, verdict } from '../../vagrant/summary.ts'

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

describe('what a load measured', () => {
  const none = {
    sent: 0,
    ok: 0,
    failed: 0,
    reasons: {},
    failures: [],
    seen: [],
    latencyMs: { p50: 0, p99: 0, max: 0 },
  }
  const kinds = { keepAlive: none, idle: none, post: none, fresh: none, slow: none, socket: none, http2: none }
  const at = Date.UTC(2026, 10, 26, 9)
  const seen = (value: string, from: number, to: number) => ({
    value,
    count: 2,
    firstSentAt: at + from,
    lastSentAt: at + to,
    firstAnsweredAt: at + from,
    lastAnsweredAt: at + to,
  })
  const measured = (changed: Partial<Report['kinds']>): Measured => {
    const { report, ...rest } = load(0)
    return { ...rest, took: 99.6, report: { ...report, kinds: { ...kinds, ...changed } } }
  }

  it('is the same as figures and as text', () => {
    const fresh = {
      ...none,
      sent: 6,
      failed: 1,
      reasons: { ECONNRESET: 1 },
      seen: [seen('blue', 0, 90), seen('green', 120, 200)],
    }
    const one = measured({ fresh, keepAlive: { ...none, sent: 4, failed: 2, reasons: { ECONNRESET: 1, 503: 1 } } })
    expect(figuresOf(one)).toEqual({
      sent: 10,
      failed: 3,
      reasons: { ECONNRESET: 2, 503: 1 },
      seen: ['blue', 'green'],
      apartMs: 30,
      switchedAt: '2026-11-26T09:00:00.120Z',
      tookMs: 100,
    })
    expect(summary('promote green', one)).toBe(`promote green: 10 requests sent, 3 failed (1 503, 2 ECONNRESET)
  fresh connections saw blue then green, the last answer of one and the first of the other 30 ms apart
  switched at 09:00:00.120 UTC; the whole command took 100 ms`)
  })

  it('is told as well if no fresh connection got an answer', () => {
    const one = measured({ fresh: { ...none, sent: 2, failed: 2, reasons: { timeout: 2 } } })
    expect(figuresOf(one)).toMatchObject({ seen: [], apartMs: undefined, switchedAt: undefined })
    expect(summary('promote green', one)).toContain(
      '\n  no fresh connection got an answer; the whole command took 100 ms',
    )
  })
})
