/** Whether a canary fails more than the live slot. */
import type { Tally } from '../promote/tally.ts'

/** Two slots that are equally good differ so much once in a thousand times. Many looks at few failures would find a difference by chance otherwise. */
const CHANCE = 0.001

/**
 * Whether the canary fails more, and not by chance: Fisher's exact test, one-sided. If none of the live slot's requests failed and both got as many, ten
 * failures are enough.
 */
export const failsMore = (canary: Tally, live: Tally): boolean =>
  canary.failed * live.sent > live.failed * canary.sent && probabilityOf(canary, live) < CHANCE

/** The probability that at least as many of the failures fall to the canary, if both slots fail alike. */
function probabilityOf(canary: Tally, live: Tally): number {
  const failed = canary.failed + live.failed
  const sent = canary.sent + live.sent
  const most = Math.min(failed, canary.sent)
  const all = logChoose(sent, failed)
  let sum = 0
  for (let hits = canary.failed; hits <= most; hits++)
    sum += Math.exp(logChoose(canary.sent, hits) + logChoose(live.sent, failed - hits) - all)
  return sum
}

/** By Stirling's series, because a router may have counted millions of requests. */
function logFactorial(n: number): number {
  if (n >= 20) return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3)
  let product = 1
  for (let i = 2; i <= n; i++) product *= i
  return Math.log(product)
}

const logChoose = (n: number, k: number): number =>
  k < 0 || k > n ? Number.NEGATIVE_INFINITY : logFactorial(n) - logFactorial(k) - logFactorial(n - k)
