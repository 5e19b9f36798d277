/** Sums and differences of what travelled. */
import type { Traffic } from './task.ts'

const both = (a: Traffic, b: Traffic, sign: 1 | -1): Traffic => ({
  roundTrips: a.roundTrips + sign * b.roundTrips,
  sent: a.sent + sign * b.sent,
  received: a.received + sign * b.received,
})

export const sumOf = (readings: readonly (Traffic | undefined)[]): Traffic | undefined =>
  readings.reduce((sum, one) => (sum && one ? both(sum, one, 1) : (sum ?? one)), undefined)

/** What came after an earlier reading of the same meters, of which some may not have been there yet. */
export const since = (now: Traffic | undefined, before: Traffic | undefined): Traffic | undefined =>
  now && before ? both(now, before, -1) : now
