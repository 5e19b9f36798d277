import { describe, expect, it } from 'vitest'
import {
  closedConnections,
  countedFailures,
  measured,
  measuredLine,
  reasonsOf,
} from '../../../slots/promote/measured.ts'
import type { Probe } from '../../../slots/promote/probe.ts'

const probe = (parts: Partial<Probe>): Probe => ({
  kind: 'fresh',
  at: 0,
  took: 1,
  status: 200,
  by: undefined,
  problem: undefined,
  ...parts,
})
const failed = (at: number, parts: Partial<Probe> = {}) => probe({ at, status: 502, problem: '502', ...parts })
const route = (at: number, by: Probe['by']) => probe({ kind: 'route', at, by })
const second = { first: false, sameVersion: false }

describe('the evaluation of probes', () => {
  const probes = [
    failed(-90),
    probe({ at: -20 }),
    route(-15, 'old'),
    failed(-5, { took: 20 }),
    failed(1),
    route(9, 'new'),
    probe({ at: 10, by: 'new' }),
    failed(27, { kind: 'kept' }),
    probe({ kind: 'kept', at: 30, took: 0, status: 0, problem: 'reset' }),
  ]

  it('counts against the new route only requests that began after the switch took effect', () => {
    const result = measured({ probes, returnedAt: 2 }, second)
    expect(result).toEqual({
      sent: 9,
      failed: { 'kept: 502': 1, 'kept: reset': 1 },
      failures: 2,
      failedBefore: 2,
      failedBetween: 1,
      before: { sent: 3, failed: 2 },
      after: { sent: 3, failed: 2 },
      slowest: 20,
      firstNew: 10,
      lastOld: undefined,
    })
    expect(measuredLine(result)).toBe(
      '9 probes, 2 failed (1 kept: 502, 1 kept: reset), 2 failed before the switch, 1 failed during it, slowest 20 ms, first new answer after 10 ms, last old none',
    )
  })

  it('names the place of a failure, if there are several', () => {
    const probes = [route(0, 'new'), failed(5, { place: 'n3' }), failed(6, { kind: 'kept', place: 'n3' }), failed(7)]
    const result = measured({ probes, returnedAt: 0 }, second)
    expect(reasonsOf(result)).toEqual(['1 fresh on n3: 502', '1 kept on n3: 502', '1 fresh: 502'])
    expect(closedConnections({ failed: { 'kept on n3: reset': 2 } })).toBe(2)
  })

  it.each([
    ['in flight at the switch', [failed(-5, { took: 20 })]],
    ['sent before the router was done', [failed(1)]],
    [
      'sent after it was done, and before the last answer of the old route',
      [failed(10), route(20, 'old'), route(31, 'new')],
    ],
    [
      'sent between the last answer of the old route and the first of the new',
      [route(5, 'old'), failed(10), route(15, 'new')],
    ],
  ])('does not count a failure against the new route that was %s', (_, sent) => {
    expect(measured({ probes: sent, returnedAt: 2 }, second).failures).toBe(0)
  })

  it('counts from the end of the switch when there are no route probes', () => {
    expect(measured({ probes: [failed(1), failed(3)], returnedAt: 2 }, second).failures).toBe(1)
  })

  it('ignores a 503, and failures before the switch, when no slot was live', () => {
    const sent = [
      failed(-5),
      failed(1, { status: 503, problem: '503' }),
      failed(5, { status: 503, problem: '503' }),
      failed(6),
    ]
    expect(measured({ probes: sent, returnedAt: 2 }, { first: true, sameVersion: false })).toMatchObject({
      failures: 1,
      failedBefore: 0,
      failedBetween: 0,
      before: { sent: 0, failed: 0 },
    })
  })

  it('ignores lost keep-alive connections of a router that is known to drop them', () => {
    const result = measured({ probes, returnedAt: 2 }, { ...second, dropsKeepAlive: true })
    expect(countedFailures(result, {})).toBe(2)
    expect(countedFailures(result, { dropsKeepAlive: true })).toBe(1)
    expect(result.after).toEqual({ sent: 3, failed: 1 })
  })

  it('tells slots of the same version apart only by the route probes', () => {
    const sent = [probe({ at: 5, by: 'new' }), route(9, 'new')]
    expect(measured({ probes: sent, returnedAt: 2 }, { first: false, sameVersion: true }).firstNew).toBe(10)
    expect(measured({ probes: sent, returnedAt: 2 }, second).firstNew).toBe(6)
  })
})
