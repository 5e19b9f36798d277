/** Counts of requests and failures, and their comparison. */
export interface Tally {
  readonly sent: number
  readonly failed: number
}

export const NO_REQUESTS: Tally = { sent: 0, failed: 0 }

/** Failures that may be coincidence, as on a busy host: they do not make a slot count as worse. */
const CHANCE = 1

/** Whether `a` has a lower failure rate than `b`. False if `a` has no requests. */
export const failsLess = (a: Tally, b: Tally): boolean =>
  a.sent > 0 && b.failed > CHANCE && a.failed * b.sent < b.failed * a.sent

export const sum = (...tallies: readonly (Tally | undefined)[]): Tally =>
  tallies.reduce<Tally>(
    (total, tally) => ({ sent: total.sent + (tally?.sent ?? 0), failed: total.failed + (tally?.failed ?? 0) }),
    NO_REQUESTS,
  )

export const failedOf = ({ sent, failed }: Tally): string => `${failed} of ${sent} requests`
