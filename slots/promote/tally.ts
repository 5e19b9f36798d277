/** Counting what failed of what was asked. */

/** Requests of one sort, and how many of them failed. */
export interface Tally {
  readonly sent: number
  readonly failed: number
}

export const NOTHING: Tally = { sent: 0, failed: 0 }

/** One request that failed may be chance, on a busy host more than elsewhere: a slot that serves is not left for it. */
const CHANCE = 1

/** Whether the first fails less, of what it was asked, than the second. Nothing asked is nothing known. */
export const failsLess = (one: Tally, other: Tally): boolean =>
  one.sent > 0 && other.failed > CHANCE && one.failed * other.sent < other.failed * one.sent

export const sum = (...tallies: readonly (Tally | undefined)[]): Tally =>
  tallies.reduce<Tally>(
    (all, one) => ({ sent: all.sent + (one?.sent ?? 0), failed: all.failed + (one?.failed ?? 0) }),
    NOTHING,
  )

export const failedOf = ({ sent, failed }: Tally): string => `${failed} of ${sent} requests`
