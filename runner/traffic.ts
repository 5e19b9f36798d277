/** Sums and differences of traffic. */
import type { Traffic } from './task.ts'

const combine = (a: Traffic, b: Traffic, sign: 1 | -1): Traffic => ({
  roundTrips: a.roundTrips + sign * b.roundTrips,
  sent: a.sent + sign * b.sent,
  received: a.received + sign * b.received,
})

export const sumOf = (readings: readonly (Traffic | undefined)[]): Traffic | undefined =>
  readings.reduce((sum, reading) => (sum && reading ? combine(sum, reading, 1) : (sum ?? reading)), undefined)

/** The traffic since an earlier reading, which is undefined if there was no meter yet. */
export const since = (now: Traffic | undefined, before: Traffic | undefined): Traffic | undefined =>
  now && before ? combine(now, before, -1) : now
