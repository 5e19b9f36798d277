/**
 * The share of a canary. Each request draws a number from 0 to 4095, written with three hexadecimal digits; those below `numbersOf(percent)` go to the
 * canary. So a share that is raised keeps the visitors that it has.
 */

/** How many numbers there are. */
export const NUMBERS = 4_096

/** The cookie that keeps a visitor's number. A request with one goes where its number says, whoever sends it. */
export const NUMBER_COOKIE = 'switchyard_canary'

/** The response header that names the slot which the router has chosen, while a canary runs. In lower case. */
export const SLOT_HEADER = 'x-deployment-slot'

/** How many numbers go to the canary. */
export const numbersOf = (percent: number): number => Math.round((percent * NUMBERS) / 100)

export const numberText = (number: number): string => number.toString(16).padStart(3, '0')

/** The largest and the smallest number of each slot: they show where the boundary is. */
export const boundaries = (
  percent: number,
): { readonly canary: readonly string[]; readonly live: readonly string[] } => {
  const share = numbersOf(percent)
  return { canary: [numberText(0), numberText(share - 1)], live: [numberText(share), numberText(NUMBERS - 1)] }
}

/** The probability with which a correct router is accused: once in a billion proofs. */
const ACCUSED = 1e-9

/** Requests without a number, unless a small share needs more. */
const SAMPLE = 400

/** Requests of which a correct router sends at least one to each slot, except once in a billion proofs. */
export const sampleFor = (percent: number): number => {
  const rarer = Math.min(numbersOf(percent), NUMBERS - numbersOf(percent)) / NUMBERS
  return Math.max(SAMPLE, Math.ceil(Math.log(ACCUSED / 2) / Math.log1p(-rarer)))
}

/** Of `sent` requests, how few and how many may go to the canary of a correct router, which goes beyond either once in a billion proofs. */
export function shareBounds(sent: number, percent: number): { readonly least: number; readonly most: number } {
  const share = numbersOf(percent) / NUMBERS
  const chances = binomial(sent, share)
  const below = (list: readonly number[]) => {
    let sum = 0
    return list.findIndex(chance => {
      sum += chance
      return sum > ACCUSED
    })
  }
  return { least: Math.max(1, below(chances)), most: Math.min(sent - 1, sent - below(chances.toReversed())) }
}

/** The probabilities of 0 to `count` hits. By logarithms, because the coefficients exceed what a number can hold. */
function binomial(count: number, share: number): readonly number[] {
  let log = count * Math.log1p(-share)
  const odds = Math.log(share) - Math.log1p(-share)
  return Array.from({ length: count + 1 }, (_, hits) => {
    if (hits > 0) log += Math.log(count - hits + 1) - Math.log(hits) + odds
    return Math.exp(log)
  })
}
